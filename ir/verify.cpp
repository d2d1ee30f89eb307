#include <algorithm>
#include <set>
#include <string>

#include "ir/infer.h"
#include "ir/kernel_kind.h"
#include "ir/node_error.h"
#include "ir/solve_sizes.h"
#include "sluice/error.h"
#include "sluice/ir/graph.h"

namespace sluice::ir {

namespace {

void verify_parts(const Graph& graph, int depth);

/// Returns the body of a node, or null if it has none.
const Graph* body_of(const Node& node) {
  const AttrValue* const value = node.attributes.find(Attr::kBody);
  const auto* const body = value == nullptr ? nullptr : std::get_if<std::shared_ptr<const Graph>>(value);
  return body == nullptr ? nullptr : body->get();
}

void check_operands(const Graph& graph, std::uint32_t index) {
  for (const Value operand : graph.node(index).operands) {
    if (operand.node >= index) fail("%{}: operand %{} does not stand before it", index, operand.node);
    if (operand.result >= graph.node(operand).types.size())
      fail("%{}: operand %{} has no result {}", index, operand.node, operand.result);
  }
}

void check_node(const Graph& graph, std::uint32_t index, int depth) {
  const Node& node = graph.node(index);
  check_operands(graph, index);
  std::vector<Type> operand_types;
  for (const Value operand : node.operands) operand_types.push_back(graph.type(operand));
  if (const auto* const body = body_of(node)) verify_parts(*body, depth + 1);  // inference trusts the body
  if (infer(node.op, operand_types, node.attributes) != node.types)
    fail("%{}: {} has types that inference does not give", index, to_string(node.op));
  if (node.op == Op::kFused) check_kernel_kind(node.attributes);
}

void check_value(const Graph& graph, Value value, std::string_view what) {
  if (value.node >= graph.nodes().size() || value.result >= graph.node(value).types.size())
    fail("{} is not a value of the graph", what);
}

void check_inputs(const Graph& graph) {
  std::set<std::string_view> names;
  std::set<std::uint32_t> nodes;
  const auto add = [&](std::string_view name, Value value, Op op) {
    check_value(graph, value, fmt::format("%{}", name));
    if (!names.insert(name).second) fail("the name %{} is used twice", name);
    if (graph.node(value).op != op || !nodes.insert(value.node).second)
      fail("%{} is not a {} of its own", name, to_string(op));
  };
  const auto check_range = [&](std::string_view name, Value value, const std::optional<Range>& range) {
    if (!range) return;
    if (const std::string fault = fault_of(*range, graph.type(value).dtype); !fault.empty())
      fail("the range of %{} {}", name, fault);
  };
  for (const Parameter& parameter : graph.parameters()) {
    add(parameter.name, parameter.value, Op::kParameter);
    check_range(parameter.name, parameter.value, parameter.range);
  }
  for (const State& state : graph.states()) {
    add(state.name, state.value, Op::kState);
    check_range(state.name, state.value, state.range);
    if (state.init && state.init->type() != Type{graph.type(state.value).dtype, {}})
      fail("the init of %{} is {}", state.name, to_string(state.init->type()));
  }
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

void check_symbols(const Graph& graph, const std::vector<Symbol>& known) {
  const auto check = [&](const Node& node, Dim dim, const std::string& where) {
    std::vector<Symbol> symbols;
    dim.batch.add_symbols(symbols);
    for (const Symbol symbol : symbols) {
      if (std::ranges::find(known, symbol) == known.end())
        throw node_error(node.origins, fmt::format("{}: {} uses {}, which no parameter has", to_string(node.op), where,
                                                   symbol.name()));
    }
  };
  for (const Node& node : graph.nodes()) {
    for (const Type& type : node.types) {
      for (const Dim& dim : type.shape) check(node, dim, to_string(type));
    }
    for (const auto& [key, value] : node.attributes) {
      if (const auto* const dim = std::get_if<Dim>(&value))
        check(node, *dim, fmt::format("{}={}", to_string(key), to_string(*dim)));
    }
    if (const Graph* const body = body_of(node)) check_symbols(*body, known);
  }
}

/// Checks that the graph uses only symbols of its parameters, and that the sizes of these determine each of them.
void check_signature(const Graph& graph) {
  std::vector<Symbol> known;
  std::vector<const Type*> types;
  for (const Parameter& parameter : graph.parameters()) {
    types.push_back(&graph.type(parameter.value));
    for (const Dim& dim : types.back()->shape) dim.batch.add_symbols(known);
  }
  check_symbols(graph, known);
  const std::vector<Symbol> open = undecided(types);
  for (const Parameter& parameter : graph.parameters()) {
    const Node& node = graph.node(parameter.value);
    for (const Dim& dim : node.types[0].shape) {
      if (!open.empty() && dim.batch.has(open.front()))
        throw node_error(node.origins, fmt::format("graph @{}: no parameter's sizes tell what {} is", graph.name(),
                                                   open.front().name()));
    }
  }
  const bool has_batch = std::ranges::find(known, kBatchSymbol) != known.end();
  if (known.size() + (has_batch ? 0 : 1) > Bindings::kMost)
    fail("graph @{}: has more than {} symbolic sizes beside B", graph.name(), Bindings::kMost - 1);
}

/// All but the rule for symbols: a body may use those of the graph around it.
void verify_parts(const Graph& graph, int depth) {
  if (depth > kMaxBodyDepth) fail("bodies are nested deeper than {}", kMaxBodyDepth);
  check_inputs(graph);
  for (std::uint32_t i = 0; i < graph.nodes().size(); ++i) {
    try {
      check_node(graph, i, depth);
    } catch (const Error& error) {
      const std::string message = "graph @" + graph.name() + ": " + error.message();
      if (error.location().known()) throw Error(message, error.location());
      throw node_error(graph.node(i).origins, message);
    }
  }
  check_states(graph);
  for (const Value value : graph.results()) check_value(graph, value, "a result");
}

}  // namespace

void verify(const Graph& graph) {
  verify_parts(graph, 0);
  check_signature(graph);
}

}  // namespace sluice::ir
