#pragma once

#include <cstddef>
#include <vector>

#include "backend/plan.h"

namespace sluice::backend {

/// Returns for each kernel of `plan` the first one whose code it can use: with equal bodies, equal layouts of operands
/// and results, and equal units. Code accesses memory only through the pointers that it is called with.
std::vector<std::size_t> shared_code(const Plan& plan);

}  // namespace sluice::backend
