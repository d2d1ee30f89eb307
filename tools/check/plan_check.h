#pragma once

#include <string>

#include "backend/plan.h"

namespace sluice::tools {

/// What is wrong with who reads and writes what when, whatever the values are: a kernel that reads memory after another
/// buffer was written there, kernels that touch the same memory and do not wait for each other, a kernel that
/// overwrites what its own other elements still read. Names the kernel; empty if nothing is wrong. It trusts no
/// lifetime or barrier that the planner worked out.
std::string check_plan(const backend::Plan& plan);

}  // namespace sluice::tools
