// Must not compile: ctest checks that the compiler says why.
#include "sluice/frontend.h"

sluice::Tensor bad(const sluice::Tensor& x) {
  if (x > 0) return x;
  return -x;
}
