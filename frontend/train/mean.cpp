#include "sluice/mean.h"

#include "ir/plain_nan.h"

namespace sluice {

double Mean::result() const { return count_ == 0 ? 0 : plain_nan(sum_ / static_cast<double>(count_)); }

}  // namespace sluice
