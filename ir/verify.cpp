#include <set>
#include <string>

#include "ir/error.h"
#include "ir/graph.h"

namespace sluice::ir {

namespace {

void verify_parts(const Graph& graph);

void check_operands(const Graph& graph, std::uint32_t index) {
  for (const Value operand : graph.node(index).operands) {
    if (operand.node >= index) fail("%{}: operand %{} does not stand before it", index, operand.node);
    if (operand.result >= graph.node(operand).types.size())
      fail("%{}: operand %{} has no result {}", index, operand.node, operand.result);
  }
}

void check_node(const Graph& graph, std::uint32_t index) {
  const Node& node = graph.node(index);
  check_operands(graph, index);
  std::vector<Type> operand_types;
  for (const Value operand : node.operands) operand_types.push_back(graph.type(operand));
  if (infer(node.op, operand_types, node.attributes) != node.types)
    fail("%{}: {} has types that inference does not give", index, to_string(node.op));
  if (node.op == Op::kFused) verify_parts(node.attributes.body());
}

void check_value(const Graph& graph, Value value, std::string_view what) {
  if (value.node >= graph.nodes().size() || value.result >= graph.node(value).types.size())
    fail("{} is not a value of the graph", what);
}

void check_inputs(const Graph& graph) {
  std::set<std::string_view> names;
  std::set<std::uint32_t> nodes;
  const auto add = [&](std::string_view name, Value value, Op op) {
    check_value(graph, value, name);
    if (!names.insert(name).second) fail("the name %{} is used twice", name);
    if (graph.node(value).op != op || !nodes.insert(value.node).second)
      fail("%{} is not a {} of its own", name, to_string(op));
  };
  for (const Parameter& parameter : graph.parameters()) add(parameter.name, parameter.value, Op::kParameter);
  for (const State& state : graph.states()) add(state.name, state.value, Op::kState);
  for (std::uint32_t i = 0; i < graph.nodes().size(); ++i) {
    if (info(graph.node(i).op).has(kInput) && !nodes.contains(i))
      fail("%{}: {} is not in the header", i, to_string(graph.node(i).op));
  }
}

void check_states(const Graph& graph) {
  std::set<std::string_view> variables;
  for (const State& state : graph.states()) {
    if (!variables.insert(state.variable).second) fail("variable \"{}\" is a state twice", state.variable);
    if (!state.update) continue;
    check_value(graph, *state.update, "update of %" + state.name);
    if (graph.type(*state.update) != graph.type(state.value)) fail("update of %{} has another type", state.name);
  }
}

/// B comes only from a signature: a graph may not use it unless one of its parameters has it.
void check_batch(const Graph& graph) {
  for (const Parameter& parameter : graph.parameters()) {
    if (!graph.type(parameter.value).shape.is_static()) return;
  }
  for (std::uint32_t i = 0; i < graph.nodes().size(); ++i) {
    for (const Type& type : graph.node(i).types) {
      if (!type.shape.is_static()) fail("%{}: {} uses B, which no parameter has", i, to_string(type));
    }
  }
}

/// All but the rule for B: the body of a fused node may use the B of the graph around it.
void verify_parts(const Graph& graph) {
  check_inputs(graph);
  for (std::uint32_t i = 0; i < graph.nodes().size(); ++i) {
    try {
      check_node(graph, i);
    } catch (const Error& error) {
      throw Error("graph @" + graph.name() + ": " + error.message(), user_location(graph.node(i).origins));
    }
  }
  check_states(graph);
  for (const Value value : graph.results()) check_value(graph, value, "a result");
}

}  // namespace

void verify(const Graph& graph) {
  verify_parts(graph);
  check_batch(graph);
}

}  // namespace sluice::ir
