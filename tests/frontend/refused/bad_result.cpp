// Must not compile: ctest checks that the compiler says why.
#include "sluice/frontend.h"

void bad() {
  const auto f = sluice::function([](sluice::Tensor) { return 1; });
  f(1.0F);
}
