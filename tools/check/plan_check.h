#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "backend/plan.h"

namespace sluice::tools {

/// What a plan does wrong.
struct PlanFault {
  std::size_t kernel = 0;
  std::string what;  ///< "kernel matmul_1 does not wait for kernel matmul_0, which touches the same memory"
};

/// What is wrong with who reads and writes what when, whatever the values are: a kernel that reads memory after another
/// buffer was written there, kernels that touch the same memory and do not wait for each other, a kernel that
/// overwrites what its own other elements still read. It trusts no lifetime or barrier
/// that the planner worked out.
std::optional<PlanFault> check_plan(const backend::Plan& plan);

}  // namespace sluice::tools
