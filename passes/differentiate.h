#pragma once

#include "sluice/ir/graph.h"

namespace sluice::passes {

/// Whether the graph has a `gradient` node, fused bodies aside.
bool has_gradient(const ir::Graph& graph);

/// Whether the graph, bodies of `fused` nodes included, has a `custom_gradient` node.
bool has_custom_gradient(const ir::Graph& graph);
/// The graph with the values of each `custom_gradient` in its place, as if it had none of its own.
ir::Graph without_custom_gradients(const ir::Graph& graph);

/// The pass `differentiate`: expands every `gradient y, v...` into ordinary ops by reverse accumulation, innermost
/// first; before a gradient of a gradient, equal nodes are merged, so that each order works on shared values. A v that
/// y does not depend on gets zeros. The new nodes have the origins of the node that they are the derivative of, marked
/// `gradient`; those of a custom gradient keep their own. Last, each `custom_gradient` node gives way to its values.
ir::Graph differentiate(const ir::Graph& graph);

}  // namespace sluice::passes
