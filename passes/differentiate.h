#pragma once

#include "ir/graph.h"

namespace sluice::passes {

/// The pass `differentiate`: expands every `gradient y, v...` into ordinary ops by reverse accumulation, in node order
/// and so innermost first. A v that y does not depend on gets zeros. The new nodes have the origins of the node that
/// they are the derivative of, marked `gradient`. Throws Error for a path through a `fused` node.
ir::Graph differentiate(const ir::Graph& graph);

}  // namespace sluice::passes
