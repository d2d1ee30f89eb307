#pragma once

#include <vector>

#include "sluice/ir/graph.h"

namespace sluice::backend {

/// Returns for each result of each node whether many of its elements may be 0 at run time, judging by where they come
/// from: parameters, such as pixels, results of relu or select, one-hot rows; not variables. A guess that affects no
/// result.
std::vector<std::vector<bool>> often_zero(const ir::Graph& graph);

}  // namespace sluice::backend
