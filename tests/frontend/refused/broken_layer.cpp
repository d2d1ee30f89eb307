// Must not compile: ctest checks that the compiler says why, and nothing else.
#include "sluice/sluice.h"

using namespace sluice;

void bad() {
  MLP model(Dense(2), [](Tensor x) { return frobnicate(x); });
}
