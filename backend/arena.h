#pragma once

#include <cstdint>
#include <vector>

#include "backend/range_set.h"

namespace sluice::backend {

/// When a block of memory is in use: from kernel `first` to kernel `last`.
struct Lifetime {
  int first = 0;
  int last = 0;
};

/// Memory shared by blocks that are not in use at the same time.
class Arena {
 public:
  /// For a program with `kernels` kernels.
  explicit Arena(std::size_t kernels);

  /// Reserves `bytes` at the lowest offset that is free throughout `lifetime`, and returns the offset.
  std::int64_t reserve(Lifetime lifetime, std::int64_t bytes);

 private:
  /// Calls `visit` with the nodes whose kernels together are those of `lifetime`.
  template <typename Visit>
  void for_cover(Lifetime lifetime, Visit visit) const;

  // A segment tree over the kernels: a block is listed at the nodes that cover its lifetime, and at those above them.
  std::size_t leaves_;
  std::vector<RangeSet> covers_;  ///< by node: blocks of lifetimes that it helps to cover
  std::vector<RangeSet> below_;   ///< by node: blocks of lifetimes that nodes below it help to cover
};

}  // namespace sluice::backend
