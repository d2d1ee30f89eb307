#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sluice/detail/trace.h"
#include "sluice/error.h"
#include "sluice/shape_ops.h"

namespace sluice {

namespace {

/// The size that replaces a symbol of a graph when it is inlined.
struct KnownSize {
  Symbol symbol;
  Dim size;
  std::size_t input;  ///< the input that determines it
};
using Substitution = std::vector<KnownSize>;

const Dim* find(const Substitution& known, Symbol symbol) {
  const auto found = std::ranges::find(known, symbol, &KnownSize::symbol);
  return found == known.end() ? nullptr : &found->size;
}

Dim substituted(Dim dim, const Substitution& known) {
  if (!dim.batch) return dim;
  Dim sum = 0;
  for (const auto& [coefficient, symbols] : dim.batch.terms()) {
    Dim term = Dim(dim.size) * coefficient;
    for (const Symbol symbol : symbols) {
      const Dim* const value = find(known, symbol);
      term = term * (value != nullptr ? *value : length(symbol.name()));
    }
    sum = sum + term;
  }
  return sum;
}

Shape substituted(const Shape& shape, const Substitution& known) {
  Shape result;
  for (const Dim& dim : shape) result.push_back(substituted(dim, known));
  return result;
}

/// Adds the size of the only symbol of `declared` that is not known, if `given` determines it; returns whether it does.
/// Solves a*T + b for T as ir::solve_sizes does, but the sizes, a and b may have symbols.
bool add_symbol(Dim declared, Dim given, std::size_t input, Substitution& known) {
  std::vector<Symbol> unknown;
  declared.batch.add_symbols(unknown);
  std::erase_if(unknown, [&](Symbol symbol) { return find(known, symbol) != nullptr; });
  if (unknown.size() != 1) return false;
  const auto where_it_is = [&](Dim size) {
    Substitution with = known;
    with.push_back({unknown[0], size, input});
    return substituted(declared, with);
  };
  const Dim rest = where_it_is(0);
  const Dim slope = where_it_is(1) - rest;
  if (slope == Dim(0) || where_it_is(2) - rest != 2 * slope) return false;
  const auto size = divide(given - rest, slope);
  if (!size || !size->ever_at_least(1)) return false;
  known.push_back({unknown[0], *size, input});
  return true;
}

/// Returns the sizes of the symbols of `graph` that the shapes of `inputs` determine.
Substitution sizes_of(const ir::Graph& graph, std::span<const Tensor> inputs) {
  Substitution known;
  for (bool added = true; added;) {
    added = false;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      const Shape& declared = graph.type(graph.parameters()[i].value).shape;
      const Shape& given = inputs[i].shape();
      for (int axis = 0; declared.rank() == given.rank() && axis < given.rank(); ++axis)
        added |= add_symbol(declared[axis], given[axis], i, known);
    }
  }
  return known;
}

/// Throws Error at the user's line if input `input` does not have the type `given` with these sizes.
void check_input(const ir::Graph& graph, std::size_t input, const Type& given, const Substitution& known) {
  const ir::Parameter& parameter = graph.parameters()[input];
  const Type& expected = graph.type(parameter.value);
  if (given == Type{expected.dtype, substituted(expected.shape, known)}) return;
  std::string with;
  for (const auto& [symbol, size, by] : known) {
    const auto has_it = [&](const Dim& dim) { return dim.batch.has(symbol); };
    if (by == input || std::ranges::none_of(expected.shape, has_it)) continue;
    with +=
        fmt::format("{} {} = {} as in input {}", with.empty() ? " with" : " and", symbol.name(), to_string(size), by);
  }
  fail_at_user(fmt::format("@{}: input {}, \"{}\", is {}, expected {}{}", graph.name(), input, parameter.name,
                           to_string(given), to_string(expected), with));
}

ir::Graph substituted(const ir::Graph& body, const Substitution& known);

ir::Attributes substituted(const ir::Attributes& attributes, const Substitution& known) {
  ir::Attributes result = attributes;
  for (const auto& [key, value] : attributes) {
    if (const Shape* const shape = std::get_if<Shape>(&value)) result.set(key, substituted(*shape, known));
    if (const Dim* const dim = std::get_if<Dim>(&value)) result.set(key, substituted(*dim, known));
    if (key == ir::Attr::kBody)
      result.set(key, std::make_shared<const ir::Graph>(substituted(attributes.body(), known)));
  }
  return result;
}

/// Returns the size that a batch_size node computes; a graph without B has one example.
Dim size_of_node(const ir::Node& node, const Substitution& known) {
  if (node.attributes.find(ir::Attr::kSize) != nullptr)
    return substituted(node.attributes.size(ir::Attr::kSize), known);
  return find(known, kBatchSymbol) != nullptr ? substituted(batch, known) : Dim(1);
}

/// Returns the body of a node, with these sizes in place of its symbols.
ir::Graph substituted(const ir::Graph& body, const Substitution& known) {
  ir::Builder builder(body.name());
  std::vector<ir::Value> firsts(body.nodes().size());
  for (const ir::Parameter& parameter : body.parameters()) {
    const Type& type = body.type(parameter.value);
    firsts[parameter.value.node] = builder.parameter(parameter.name, {type.dtype, substituted(type.shape, known)},
                                                     parameter.range, body.node(parameter.value).origins);
  }
  for (std::uint32_t i = 0; i < body.nodes().size(); ++i) {
    const ir::Node& node = body.node(i);
    if (node.op == ir::Op::kParameter) continue;
    std::vector<ir::Value> operands;
    for (const ir::Value operand : node.operands) operands.push_back({firsts[operand.node].node, operand.result});
    const Dim size = node.op == ir::Op::kBatchSize ? size_of_node(node, known) : Dim(0);
    if (node.op == ir::Op::kBatchSize && !size.batch) {
      firsts[i] = builder.add(ir::Op::kConstant, {}, {{ir::Attr::kValue, Array::scalar(size.size)}}, node.origins);
    } else if (node.op == ir::Op::kBatchSize) {
      firsts[i] = builder.add(node.op, {}, {{ir::Attr::kSize, size}}, node.origins);
    } else {
      firsts[i] = builder.add(node.op, std::move(operands), substituted(node.attributes, known), node.origins);
    }
  }
  std::vector<ir::Value> results;
  for (const ir::Value result : body.results()) results.push_back({firsts[result.node].node, result.result});
  builder.set_results(std::move(results));
  return std::move(builder).finish();
}

}  // namespace

std::vector<Tensor> Trace::inline_graph(const ir::Graph& graph, std::span<const Tensor> inputs,
                                        const runtime::Variables& variables, std::span<const ir::Value> wanted) {
  if (inputs.size() != graph.parameters().size()) {
    fail_at_user(
        fmt::format("@{}: expected {} inputs, got {}", graph.name(), graph.parameters().size(), inputs.size()));
  }
  std::map<ir::Value, ir::Value> values;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    values[graph.parameters()[i].value] = value_of(inputs[i], graph.name());
  }
  const Substitution known = sizes_of(graph, inputs);
  for (std::size_t i = 0; i < inputs.size(); ++i) check_input(graph, i, inputs[i].type(), known);
  for (std::size_t i = 0; i < variables.size(); ++i) values[graph.states()[i].value] = read(variables[i]).value_;
  for (std::uint32_t i = 0; i < graph.nodes().size(); ++i) {
    const ir::Node& node = graph.node(i);
    if (values.contains({i, 0})) continue;
    std::vector<Tensor> operands;
    for (const ir::Value operand : node.operands) operands.push_back(tensor(values.at(operand)));
    if (node.op == ir::Op::kBatchSize) {
      values[{i, 0}] = detail::number_of(size_of_node(node, known)).value_;
      continue;
    }
    const std::vector<Tensor> results = add_node(node.op, operands, substituted(node.attributes, known));
    for (std::uint32_t result = 0; result < results.size(); ++result) values[{i, result}] = results[result].value_;
  }
  std::vector<Tensor> results;
  for (const ir::Value value : wanted) results.push_back(tensor(values.at(value)));
  return results;
}

}  // namespace sluice
