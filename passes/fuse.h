#pragma once

#include "sluice/ir/graph.h"

namespace sluice::passes {

/// The pass `fuse`: gathers nodes into `fused` nodes, each of which the backend makes one kernel of. A body is always
/// one of four kinds:
///   loop    every result has one shape S; inside are elementwise and random ops of shape S, and cheap ops that make a
///           value of shape S on the fly: `broadcast` of a parameter (perhaps through a `reshape` that adds or drops
///           axes of size 1) or of a cheap number, `iota`, `one_hot` of a parameter or a cheap number. Cheap numbers
///           are scalar constants, `batch_size`, and what is computed of these alone.
///   matmul  one matmul of two parameters, and a loop over its shape that takes the product in. Results: any of its
///           values, and perhaps the reduce_sum over axis 0 of the second factor, if that is not transposed.
///   reduce  a loop over S whose only readers are one or more reductions (reduce_sum, reduce_max, reduce_min, argmax)
///           over the same axes of S; these are the results.
///   rows    reductions over the last axis of S, which has a static size, loops over S and over S without that axis (or
///           with size 1 there), and what leads from one to the other: `reshape` that adds or drops the last axis of
///           size 1, `broadcast` along it, `one_hot`. Some node reads a reduction. Results: any of its values.
/// A body has at most kMostMembers nodes (fusion_contract.h) beside those that every reader makes anew. All other nodes
/// stay as they are, `fused` ones whose body is of one of these kinds among them; any other body is inlined first, and
/// a concat of many operands becomes concats of few. Groups are convex. Running it again changes nothing.
ir::Graph fuse(const ir::Graph& graph);

}  // namespace sluice::passes
