#pragma once

#include "sluice/ir/graph.h"

namespace sluice::passes {

/// The pass `fuse`: gathers nodes into `fused` nodes, each of which the backend makes one kernel of, and says of each
/// which kind of kernel it is (ir/kernel_kind.h states what bodies of each kind hold). All other nodes stay as they
/// are, `fused` ones that have a kind among them; a body of no kind is inlined first, and a concat of many operands
/// becomes concats of few. Groups are convex. Running it again changes nothing.
ir::Graph fuse(const ir::Graph& graph);

}  // namespace sluice::passes
