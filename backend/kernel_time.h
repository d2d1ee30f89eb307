#pragma once

#include <vector>

#include "backend/plan.h"
#include "backend/target.h"

namespace sluice::backend {

inline constexpr double kEstimatedHertz = 3e9;
inline constexpr double kEstimatedBytesACycle = 16;  ///< from L2 or beyond

/// A rough estimate of how long a kernel takes on one thread, for any sizes: ignores caches and tails. Symbolic, so
/// that the JIT evaluates what exported code computes.
struct KernelTime {
  /// A number times the symbolic part of a size.
  struct Term {
    double factor = 0;
    Growth growth;
  };
  std::vector<Term> cycles;  ///< of arithmetic: their sum
  std::vector<Term> bytes;   ///< read and written: their sum

  double seconds(const Bindings& bindings) const;
};

KernelTime kernel_time(const Plan& plan, const KernelPlan& kernel, const Target& target);

/// Seconds of a kernel that pay for another thread: a few barriers.
inline constexpr double kGrainSeconds = 1.5e-6;
/// Seconds that threads must save in a step, because others may have to be woken.
inline constexpr double kForkPaysSeconds = 20e-6;

}  // namespace sluice::backend
