#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "backend/plan.h"

namespace sluice::backend {

/// A fault in a plan.
struct PlanFault {
  std::size_t kernel = 0;
  std::string what;  ///< "kernel matmul_1 does not wait for kernel matmul_0, which touches the same memory"
};

/// Proves that the kernels of a finished plan, run as it says, read what they should and nothing else, whatever the
/// values are, for every B and any number of threads. Returns the first fault, if there is one. Trusts nothing that the
/// planner has worked out, be it a lifetime, a barrier, an offset or the size of a buffer:
/// - every operand was written before it is read, and nothing was written over it since;
/// - of the kernels between two barriers none writes what another one touches, and what a kernel overwrites in place it
///   reads only at the element that it writes;
/// - every kernel gets its operands in layouts that its code can read, its units cover each element of its results
/// once,
///   and every load and store stays within its buffers and its scratch (verify_kernel.h).
std::optional<PlanFault> verify_plan(const Plan& plan);

}  // namespace sluice::backend
