#include "passes/differentiate.h"

#include <algorithm>
#include <optional>

#include "ir/node_error.h"
#include "passes/cse.h"
#include "passes/gradient_rules.h"
#include "passes/rebuild.h"
#include "sluice/error.h"

namespace sluice::passes {

namespace {

ir::Origins as_gradient(ir::Origins origins) {
  for (ir::Origin& origin : origins) origin.gradient = true;
  return origins;
}

/// Whether a derivative can pass from the result of `node` to its operands.
bool passes_derivative(const ir::Node& node) {
  return gradient_rule(node.op) != nullptr && is_float(node.types[0].dtype);
}

/// Which nodes of the graph so far depend, by a path that derivatives pass, on one of `variables`.
std::vector<bool> reached_from(const ir::Graph& graph, std::span<const ir::Value> variables) {
  std::vector<bool> reached(graph.nodes().size());
  for (const ir::Value variable : variables) reached[variable.node] = true;
  for (std::size_t i = 0; i < reached.size(); ++i) {
    const ir::Node& node = graph.nodes()[i];
    const bool depends = std::ranges::any_of(node.operands, [&](ir::Value operand) { return reached[operand.node]; });
    if (!depends) continue;
    if (node.op == ir::Op::kFused) {
      throw ir::node_error(node.origins,
                           "gradient: a path goes through a `fused` node; run 'differentiate' before 'fuse'");
    }
    if (passes_derivative(node)) reached[i] = true;
  }
  return reached;
}

/// Reverse accumulation over the graph that `builder` has so far: the derivative of y by each variable, or nothing
/// where y does not depend on it. Contributions are added in the order in which the walk meets them.
std::vector<std::optional<ir::Value>> derive(ir::Builder& builder, ir::Value y, std::span<const ir::Value> variables) {
  const std::vector<bool> reached = reached_from(builder.graph(), variables);
  std::vector<std::optional<ir::Value>> adjoints(y.node + 1);
  builder.set_origins(as_gradient(builder.graph().node(y).origins));
  adjoints[y.node] = builder.scalar(builder.type(y).dtype, 1);
  for (std::uint32_t i = y.node + 1; i-- > 0;) {
    if (!adjoints[i] || !reached[i] || !passes_derivative(builder.graph().node(i))) continue;
    builder.set_origins(as_gradient(builder.graph().node(i).origins));
    GradientContext context(builder, i, *adjoints[i], reached);
    gradient_rule(context.node.op)(context);
    for (const auto& [operand, value] : context.contributions()) {
      std::optional<ir::Value>& sum = adjoints[operand.node];
      sum = sum ? builder(ir::Op::kAdd, {*sum, value}) : value;
    }
  }
  std::vector<std::optional<ir::Value>> result;
  for (const ir::Value variable : variables) {
    result.push_back(variable.node <= y.node ? adjoints[variable.node] : std::nullopt);
  }
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

/// The graph with those gradients expanded that are of no other gradient.
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

GradientContext::GradientContext(ir::Builder& graph_builder, std::uint32_t index, ir::Value result_adjoint,
                                 const std::vector<bool>& reached)
    : builder(graph_builder), node(graph_builder.graph().node(index)), result{index, 0}, adjoint(result_adjoint) {
  for (const ir::Value operand : node.operands) {
    wanted_.push_back(reached[operand.node] && is_float(builder.type(operand).dtype));
  }
}

void GradientContext::contribute(std::size_t i, ir::Value contribution) {
  if (!wanted(i)) return;
  SLUICE_CHECK(builder.type(contribution) == operand_type(i), "the derivative of {} by operand {} is {}, expected {}",
               to_string(node.op), i, to_string(builder.type(contribution)), to_string(operand_type(i)));
  contributions_.push_back({node.operands[i], contribution});
}

bool has_gradient(const ir::Graph& graph) {
  return std::ranges::any_of(graph.nodes(), [](const ir::Node& node) { return node.op == ir::Op::kGradient; });
}

ir::Graph differentiate(const ir::Graph& graph) {
  ir::Graph current = expand_innermost(remove_dead(graph));
  while (has_gradient(current)) {
    // The rules for one node read the same values over and over. Unless these are shared, every further derivative of
    // a gradient multiplies the nodes.
    current = expand_innermost(cse(current));
  }
  return current;
}

}  // namespace sluice::passes
