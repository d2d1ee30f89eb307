#pragma once

#include "ir/graph.h"

namespace sluice::passes {

/// The pass `fuse`: gathers nodes into `fused` nodes, each of which the backend makes one kernel of. A body is always
/// one of three kinds:
///   loop    every result has one shape S; inside are elementwise and random ops of shape S, and cheap ops that make a
///           value of shape S on the fly: `broadcast` of a parameter (perhaps through a `reshape` that adds or drops
///           axes of size 1) or of a scalar constant, `iota`, `one_hot` of a parameter, scalar constants where S is [].
///   matmul  one matmul of two parameters, and a loop over its shape that takes the product in. Results: any of its
///   values. reduce  a loop over S whose only readers are one or more reduce_sum, reduce_max or reduce_min over the
///   same axes of S;
///           these are the results.
/// All other nodes stay as they are. Groups are convex. Running it again changes nothing.
ir::Graph fuse(const ir::Graph& graph);

}  // namespace sluice::passes
