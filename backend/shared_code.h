#pragma once

#include <cstddef>
#include <vector>

#include "backend/plan.h"

namespace sluice::backend {

/// For each kernel of `plan`, the first one whose code serves it: of equal bodies, equal layouts of operands and
/// results, and split in the same way. Code knows its memory only by the pointers that it is called with.
std::vector<std::size_t> shared_code(const Plan& plan);

}  // namespace sluice::backend
