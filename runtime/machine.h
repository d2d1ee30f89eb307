#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "runtime/thread_team.h"

namespace sluice::backend {
struct Target;
}

namespace sluice::runtime {

/// What a machine can do at most, and so what bounds a kernel: arithmetic if it needs longer than memory does.
struct Machine {
  /// How fast all threads together read and write what fits into `bytes`.
  struct Memory {
    std::int64_t bytes;
    double bytes_per_second;
  };

  double flops_per_second = 0;  ///< single-precision multiply-adds (each counts two) of all threads together
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

/// An estimate from the vectors of `target` alone: two multiply-adds and a quarter of a vector from memory a cycle on
/// each thread, at 3 GHz.
Machine assumed_machine(const backend::Target& target, int threads);

/// How many single-precision operations all threads reach together in a second, in multiply-adds (each counts two) with
/// the vectors of `target`, in registers: the best of many short rounds.
double measure_flops(ThreadTeam& team, const backend::Target& target);

/// Measures for some tenths of a second: multiply-adds in registers with the vectors of `target`, and copying within
/// memory of growing sizes up to `bytes`, the size of what a program works on. The best of many short rounds counts.
Machine measure_machine(ThreadTeam& team, const backend::Target& target, std::int64_t bytes);

}  // namespace sluice::runtime
