#define DOCTEST_CONFIG_IMPLEMENT
#include <doctest/doctest.h>

#include <cstdio>

#include "tests/support/skip.h"

namespace {

constexpr int kSkipped = 77;  // SKIP_RETURN_CODE of every test, see tests/CMakeLists.txt
bool any_skipped = false;

}  // namespace

void sluice::test::skip(const char* reason) {
  any_skipped = true;
  std::printf("skipped: %s\n", reason);
}

/// Like doctest's own main, except for a program that passes and has skipped something: ctest reports it as skipped.
int main(int count, char** arguments) {
  doctest::Context context(count, arguments);
  const int status = context.run();
  return status == 0 && any_skipped ? kSkipped : status;
}
