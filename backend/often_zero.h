#pragma once

#include <vector>

#include "sluice/ir/graph.h"

namespace sluice::backend {

/// For each result of each node whether many of its elements may be 0 while the graph runs, by where they come from:
/// what is passed in, such as pixels, what relu or select has made, one-hot rows; not variables. A guess that no result
/// depends on.
std::vector<std::vector<bool>> often_zero(const ir::Graph& graph);

}  // namespace sluice::backend
