// Must not compile: ctest checks that the compiler says why, and nothing else.
#include "sluice/sluice.h"

using namespace sluice;

void bad() {
  const Dense model(2);
  Trainer trainer(model, Adam(), {f32(batch, 3), u8(batch)}, [&](Tensor x, Tensor) { return frobnicate(model(x)); });
}
