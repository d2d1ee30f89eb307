#pragma once

#include <string>

#include "sluice/ir/graph.h"

namespace sluice::detail {

/// Returns a graph as a serialized GraphDef of tensorflow/core/framework/graph.proto, for TensorBoard. A node is named
/// by its op in a scope for the user's line that made it, "model.cpp_12/matmul"; parameters and variables have their
/// own names.
std::string graph_def_of(const ir::Graph& graph);

}  // namespace sluice::detail
