#pragma once

#include "sluice/ir/graph.h"

namespace sluice::passes {

/// Returns whether the graph has a `gradient` node, not counting those in fused bodies.
bool has_gradient(const ir::Graph& graph);

/// Returns whether the graph, including bodies of `fused` nodes, has a `custom_gradient` node.
bool has_custom_gradient(const ir::Graph& graph);
/// Returns the graph with each `custom_gradient` replaced by its values, as if it had no custom gradient.
ir::Graph without_custom_gradients(const ir::Graph& graph);

/// The pass `differentiate`: expands every `gradient y, v...` into ordinary ops by reverse accumulation, innermost
/// first; before a gradient of a gradient, equal nodes are merged, so that each order works on shared values. A v that
/// y does not depend on gets zeros. The new nodes have the origins of the node that they differentiate, marked
/// `gradient`; those of a custom gradient keep their own. Finally, each `custom_gradient` node is replaced by its
/// values.
ir::Graph differentiate(const ir::Graph& graph);

}  // namespace sluice::passes
