// Must not compile: ctest checks that the compiler says why, and nothing else.
#include "sluice/sluice.h"

using namespace sluice;

void bad() {
  const auto step = function("step", {f32(batch), f32(batch)}, [](Tensor x, Tensor y) {
    const Tensor z = x.transposed();
    return outputs(z, y);
  });
  step({1.0F}, {2.0F});
}
