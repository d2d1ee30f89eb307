#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

namespace sluice::runtime {

/// The peak performance of a machine, which bounds a kernel: by arithmetic if that takes longer than memory.
struct Machine {
  /// The bandwidth of all threads together for data that fits into `bytes`.
  struct Memory {
    std::int64_t bytes;
    double bytes_per_second;
  };

  double flops_per_second = 0;  ///< single-precision multiply-adds (each counts as two) of all threads together
  std::vector<Memory> memory;   ///< by size, ascending; at least one
  bool measured = false;

  double arithmetic_seconds(double flops) const { return flops / flops_per_second; }
  double memory_seconds(double bytes) const;
  bool is_bound_by_arithmetic(double flops, double bytes) const {
    return arithmetic_seconds(flops) > memory_seconds(bytes);
  }
  double least_seconds(double flops, double bytes) const {
    return std::max(arithmetic_seconds(flops), memory_seconds(bytes));
  }
};

}  // namespace sluice::runtime
