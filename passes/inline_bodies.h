#pragma once

#include "sluice/ir/graph.h"

namespace sluice::passes {

/// Returns the same graph with the nodes of each body that is of no kind (ir/kernel_kind.h) in place of the fused node.
ir::Graph inline_other_bodies(const ir::Graph& graph);

}  // namespace sluice::passes
