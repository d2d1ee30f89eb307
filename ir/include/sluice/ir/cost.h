#pragma once

#include <cstdint>

#include "sluice/ir/graph.h"

namespace sluice::ir {

/// The work of a node, for reports. Doubles, so that no size overflows; exact up to 2^53.
struct Cost {
  double flops = 0;
  double bytes = 0;

  Cost& operator+=(const Cost& other);
};

/// The cost of `node` of `graph` with these sizes.
///
/// flops: a product of [M,K] by [K,N] is 2MNK; an elementwise op is one for each element of its result, whatever it
/// computes (but `cast` and `stop_gradient` are none); a reduction one for each element of its operand; `scatter_add`
/// one for each element of the rows. What only moves or makes elements is none, and so is a `gradient`, which says
/// nothing of its work before it is expanded. A `fused` node is the sum of its body.
///
/// bytes: each operand read once and each result written once, as if the node were a kernel of its own; so a `fused`
/// node is only what goes in and out of it. Inputs and constants are none: their readers count them.
Cost cost(const Graph& graph, const Node& node, const Bindings& bindings);

/// Returns the sum over all nodes.
Cost cost(const Graph& graph, const Bindings& bindings);

/// Returns the number of nodes, not counting inputs, as reports do.
std::size_t node_count(const Graph& graph);

}  // namespace sluice::ir
