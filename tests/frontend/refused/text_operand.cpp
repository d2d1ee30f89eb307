// Must not compile: ctest checks that the compiler says why, and nothing else.
#include "sluice/sluice.h"

using namespace sluice;

void bad() {
  const auto f = function([](Tensor x) { return x + std::string("1"); });
  f(1.0F);
}
