#pragma once

#include "sluice/ir/graph.h"

namespace sluice::passes {

/// The pass `fuse`: gathers nodes into `fused` nodes, each of which the backend compiles to one kernel, and records the
/// kind of each kernel (ir/kernel_kind.h defines the bodies of each kind). All other nodes stay as they are, `fused`
/// ones that have a kind among them; a body of no kind is inlined first, and a concat of many operands becomes concats
/// of few. Groups are convex. Running it again changes nothing.
ir::Graph fuse(const ir::Graph& graph);

/// A step of it: returns the graph with kernels of attention that read operands as they lie before reshapes, transposes
/// and slices, and store results as they lie behind them.
ir::Graph fuse_attention(const ir::Graph& graph);

}  // namespace sluice::passes
