// A crash inside a kernel says where in the model it was, and ends the process as it would have.
#include <csignal>

#include "tests/debug/debugged_program.h"
#include "tests/support/sanitized.h"
#include "tests/support/skip.h"

using namespace sluice;

namespace {

/// Sanitizers report crashes themselves, so there is no handler of Sluice's.
bool can_crash() {
#ifdef SLUICE_SANITIZED
  test::skip("the sanitizer handles crashes");
  return false;
#else
  return true;
#endif
}

void check_killed(const test::Death& death) {
  REQUIRE(WIFSIGNALED(death.status));
  CHECK(WTERMSIG(death.status) == SIGSEGV);
}

}  // namespace

TEST_CASE("a crash in a kernel names the kernel, its nodes and the model's lines") {
  if (!can_crash()) return;
  for (const char* const flags : {"", "--share-all-kernels", "--debug-info"}) {
    CAPTURE(flags);
    const test::Death death = test::run_debugged("crash", flags);
    check_killed(death);
    CAPTURE(death.err);
    CHECK(test::contains(death.err, "sluice: SIGSEGV at address 0x"));
    CHECK(test::contains(death.err, " in kernel 0, "));
    CHECK(test::contains(death.err, " of @sums, made at "));
    const std::string node = fmt::format(", in %2 mul at tests/debug/debugged_program.cpp:{}.", test::line_of("layer"));
    CHECK(test::contains(death.err, node) == (std::string_view(flags) == "--debug-info"));
    CHECK(
        test::contains(death.err, fmt::format(" mul, tests/debug/debugged_program.cpp:{}\n", test::line_of("layer"))));
  }
}

TEST_CASE("crashes are not reported where that is not wanted") {
  if (!can_crash()) return;
  const test::Death death = test::run_debugged("crash", "--no-crash-reports");
  check_killed(death);
  CHECK(death.err.empty());
}

TEST_CASE("a signal that no kernel has caused is not reported") {
  if (!can_crash()) return;
  const test::Death death = test::run_debugged("raise", "");
  check_killed(death);
  CHECK(death.err.empty());
}

TEST_CASE("a program's own handler is left alone") {
  if (!can_crash()) return;
  const test::Death death = test::run_debugged("handled", "");
  REQUIRE(WIFEXITED(death.status));
  CHECK(WEXITSTATUS(death.status) == 3);
  CHECK(death.err.empty());
}
