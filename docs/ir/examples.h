#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "sluice/ir/graph.h"

// The examples of each op in docs/ir.md.
namespace sluice::docs {

/// A use of an op: its operands as constants ("f32[2] = [1, 2]"), its attributes as in the text, its result's type.
struct Example {
  ir::Op op;
  std::vector<std::string_view> operands;
  std::string_view attributes;
  std::string_view result;
};

/// Returns at least one for each op that `example_graph` does not cover. Their results are exact in any correct
/// arithmetic.
const std::vector<Example>& examples();

/// Returns the example as a graph: constants and the op.
ir::Graph graph_of(const Example& example);

/// Returns a whole graph for an op that is more than a node with operands and a result (parameter, state,
/// batch_size, attention, attention_gradient, gradient, custom_gradient, fused), or an empty text.
std::string_view example_graph(ir::Op op);

}  // namespace sluice::docs
