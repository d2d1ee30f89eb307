#pragma once

#include "backend/product_scratch.h"
#include "sluice/type.h"

namespace sluice::backend {

/// The scratch in which a thread sorts a row of n numbers: i64[2, n] positions, i64[key bytes, 256] counters, and
/// key[2, n]: numbers as unsigned integers of 4 or 8 bytes in the same order.
struct ArgsortScratch {
  std::int64_t key_bytes = 4;
  Dim n = 0;

  std::int64_t counter_bytes() const { return key_bytes * 256 * 8; }
  Bytes end() const { return n * (2 * 8 + 2 * key_bytes) + counter_bytes(); }
};

inline ArgsortScratch argsort_scratch(const Type& operand) {
  return {size_of(operand.dtype) == 8 ? 8 : 4, operand.shape[operand.shape.rank() - 1]};
}

}  // namespace sluice::backend
