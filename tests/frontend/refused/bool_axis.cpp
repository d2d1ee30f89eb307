// Must not compile: ctest checks that the compiler says why, and nothing else.
#include "sluice/sluice.h"

using namespace sluice;

Tensor bad(const Tensor& x) { return reduce_sum(x, true); }
