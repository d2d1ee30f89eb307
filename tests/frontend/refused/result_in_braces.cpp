// Must not compile: ctest checks that the compiler says why, and nothing else.
#include "sluice/sluice.h"

using namespace sluice;

void bad() {
  const auto f = function("f", {f32(batch)}, [](Tensor x) { return {x, x}; });
  f(1.0F);
}
