#pragma once

#include "sluice/ir/graph.h"

namespace sluice::passes {

/// Appends the ordinary ops that an attention or attention_gradient with these operands and attributes means; returns
/// its results.
std::vector<ir::Value> append_attention(ir::Builder& builder, const ir::Node& node,
                                        const std::vector<ir::Value>& operands);

/// The pass `expand_attention`: returns the graph with products and softmax in place of attention and
/// attention_gradient.
ir::Graph expand_attention(const ir::Graph& graph);

}  // namespace sluice::passes
