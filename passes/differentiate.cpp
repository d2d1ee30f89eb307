#include "passes/differentiate.h"

#include <algorithm>
#include <optional>

#include "passes/cse.h"
#include "passes/rebuild.h"
#include "passes/reverse_sweep.h"

namespace sluice::passes {

namespace {

/// Returns the derivative of y by each variable in the graph that `builder` has so far, or nothing where y does not
/// depend on it.
std::vector<std::optional<ir::Value>> derive(ir::Builder& builder, ir::Value y, std::span<const ir::Value> variables) {
  builder.set_origins(as_gradient(builder.graph().node(y).origins));
  const ir::Value one = builder.scalar(builder.type(y).dtype, 1);
  ReverseSweep sweep(builder, 0, y.node + 1, variables);
  sweep.add(y, one);
  sweep.run();
  std::vector<std::optional<ir::Value>> result;
  for (const ir::Value variable : variables) result.push_back(sweep.adjoint(variable));
  return result;
}

void expand(Rebuild& rebuild, const ir::Graph& graph, std::uint32_t index) {
  const std::vector<ir::Value> operands = rebuild.operands(index);
  const std::span<const ir::Value> variables = std::span(operands).subspan(1);
  const auto derivatives = derive(rebuild.builder(), operands[0], variables);
  rebuild.builder().set_origins(as_gradient(graph.node(index).origins));
  for (std::uint32_t i = 0; i < derivatives.size(); ++i) {
    const ir::Value zeros_or_derivative =
        derivatives[i] ? *derivatives[i] : rebuild.builder().full(graph.node(index).types[i], 0);
    rebuild.map({index, i}, zeros_or_derivative);
  }
}

/// Returns the graph with those gradients expanded that depend on no other gradient.
ir::Graph expand_innermost(const ir::Graph& graph) {
  Rebuild rebuild(graph);
  std::vector<bool> is_nested(graph.nodes().size());  // made of a gradient
  for (std::uint32_t i = 0; i < graph.nodes().size(); ++i) {
    const ir::Node& node = graph.node(i);
    const bool is_gradient = node.op == ir::Op::kGradient;
    bool reads_gradient = false;
    for (const ir::Value operand : node.operands) reads_gradient = reads_gradient || is_nested[operand.node];
    is_nested[i] = is_gradient || reads_gradient;
    if (is_gradient && !reads_gradient) {
      expand(rebuild, graph, i);
    } else {
      rebuild.copy(i);
    }
  }
  return std::move(rebuild).finish();
}

}  // namespace

bool has_gradient(const ir::Graph& graph) {
  return std::ranges::any_of(graph.nodes(), [](const ir::Node& node) { return node.op == ir::Op::kGradient; });
}

bool has_custom_gradient(const ir::Graph& graph) {
  return std::ranges::any_of(graph.nodes(), [](const ir::Node& node) {
    return node.op == ir::Op::kCustomGradient ||
           (node.op == ir::Op::kFused && has_custom_gradient(node.attributes.body()));
  });
}

ir::Graph without_custom_gradients(const ir::Graph& graph) {
  Rebuild rebuild(graph);
  for (std::uint32_t i = 0; i < graph.nodes().size(); ++i) {
    const ir::Node& node = graph.node(i);
    if (node.op == ir::Op::kCustomGradient) {
      const std::vector<ir::Value> operands = rebuild.operands(i);
      for (std::uint32_t r = 0; r < node.types.size(); ++r) rebuild.map({i, r}, operands[r]);
    } else if (node.op == ir::Op::kFused && has_custom_gradient(node.attributes.body())) {
      auto body = std::make_shared<const ir::Graph>(without_custom_gradients(node.attributes.body()));
      const ir::Value first = rebuild.builder().fused(rebuild.operands(i), std::move(body), node.origins);
      for (std::uint32_t r = 0; r < node.types.size(); ++r) rebuild.map({i, r}, {first.node, r});
    } else {
      rebuild.copy(i);
    }
  }
  return std::move(rebuild).finish();
}

ir::Graph differentiate(const ir::Graph& graph) {
  ir::Graph current = expand_innermost(remove_dead(graph));
  while (has_gradient(current)) {
    // The rules for one node read the same values over and over. Unless these are shared, every further derivative of
    // a gradient multiplies the nodes.
    current = expand_innermost(cse(current));
  }
  return has_custom_gradient(current) ? without_custom_gradients(current) : current;
}

}  // namespace sluice::passes
