// The walk over a graph, and the rules of structural ops.
#include "ir/node_error.h"
#include "ir/reference/rules.h"

namespace sluice::ir::reference {

namespace {

/// Returns for each node the last node that reads it; the number of nodes if the graph's caller does.
std::vector<std::size_t> last_readers(const Graph& graph) {
  const std::size_t count = graph.nodes().size();
  std::vector<std::size_t> last(count, 0);
  for (std::size_t i = 0; i < count; ++i) {
    last[i] = i;
    for (const Value operand : graph.nodes()[i].operands) last[operand.node] = i;
  }
  for (const Value result : graph.results()) last[result.node] = count;
  for (const State& state : graph.states()) last[state.update.value_or(state.value).node] = count;
  return last;
}

}  // namespace

Rule find_rule(Op op) {
  static constexpr Rule kRules[] = {
#define OP(enumerator, ...) &rule<Op::enumerator>,
#include "sluice/ir/ops.def"
#undef OP
  };
  return kRules[static_cast<std::size_t>(op)];
}

Evaluation evaluate_graph(const Graph& graph, Tensors inputs, Tensors states, const Bindings& bindings,
                          Arithmetic arithmetic, const Observer& observer) {
  std::vector<Tensors> values(graph.nodes().size());
  for (std::size_t i = 0; i < inputs.size(); ++i) values[graph.parameters()[i].value.node] = {inputs[i]};
  for (std::size_t i = 0; i < states.size(); ++i) values[graph.states()[i].value.node] = {states[i]};

  const auto value = [&](Value v) -> const Tensor& { return values[v.node][v.result]; };
  const std::vector<std::size_t> last = last_readers(graph);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const Node& node = graph.nodes()[i];
    if (info(node.op).has(kInput)) continue;
    Tensors operands;
    for (const Value operand : node.operands) operands.push_back(value(operand));
    values[i] = find_rule(node.op)({node, operands, bindings, arithmetic});
    if (observer) observer(static_cast<std::uint32_t>(i), operands, values[i]);
    for (const Value operand : node.operands) {
      if (last[operand.node] == i) values[operand.node].clear();  // its memory can be released
    }
  }

  Evaluation evaluation;
  for (const Value result : graph.results()) evaluation.results.push_back(value(result));
  for (const State& state : graph.states()) evaluation.states.push_back(value(state.update.value_or(state.value)));
  return evaluation;
}

template <>
Tensors rule<Op::kParameter>(const RuleContext&) {
  SLUICE_UNREACHABLE("parameters are given, not evaluated");
}

template <>
Tensors rule<Op::kState>(const RuleContext&) {
  SLUICE_UNREACHABLE("states are given, not evaluated");
}

template <>
Tensors rule<Op::kGradient>(const RuleContext& context) {
  throw node_error(context.node.origins,
                   "gradient: expected a graph without gradient nodes to evaluate; run the pass `differentiate` first");
}

template <>
Tensors rule<Op::kCustomGradient>(const RuleContext& context) {
  return {context.operands.begin(), context.operands.begin() + static_cast<std::ptrdiff_t>(context.node.types.size())};
}

template <>
Tensors rule<Op::kFused>(const RuleContext& context) {
  return evaluate_graph(context.attributes().body(), context.operands, {}, context.bindings, context.arithmetic)
      .results;
}

}  // namespace sluice::ir::reference
