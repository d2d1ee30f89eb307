#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "sluice/detail/trace.h"
#include "sluice/error.h"
#include "sluice/shape_ops.h"

namespace sluice {

namespace {

/// The sizes that replace the symbols of a graph when it is inlined.
using Substitution = std::vector<std::pair<Symbol, Dim>>;

const Dim* find(const Substitution& known, Symbol symbol) {
  const auto found = std::ranges::find(known, symbol, &std::pair<Symbol, Dim>::first);
  return found == known.end() ? nullptr : &found->second;
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

/// Adds the size of the symbol that `declared` is a multiple of, if it is unknown and `given` determines it.
void add_symbol(Dim declared, Dim given, Substitution& known) {
  const auto terms = declared.batch.terms();
  if (terms.size() != 1 || terms[0].symbols.size() != 1 || find(known, terms[0].symbols[0]) != nullptr) return;
  const auto value = divide(given, declared.size);
  if (value && value->ever_at_least(1)) known.emplace_back(terms[0].symbols[0], *value);
}

/// Adds the sizes of the symbols of input `input` that the type `given` determines. Throws Error at the user's line if
/// `given` does not fit the input's type with the sizes known so far.
void match_input(const ir::Graph& graph, std::size_t input, const Type& given, Substitution& known) {
  const ir::Parameter& parameter = graph.parameters()[input];
  const Type& expected = graph.type(parameter.value);
  const Substitution before = known;
  const bool same_rank = given.shape.rank() == expected.shape.rank();
  for (int axis = 0; same_rank && axis < given.shape.rank(); ++axis)
    add_symbol(expected.shape[axis], given.shape[axis], known);
  if (same_rank && given == Type{expected.dtype, substituted(expected.shape, known)}) return;
  std::string with;
  for (const auto& [symbol, value] : before)
    with += fmt::format("{}{} = {}", with.empty() ? " with " : ", ", symbol.name(), to_string(value));
  fail_at_user(fmt::format("@{}: input {}, \"{}\", is {}, expected {}{}", graph.name(), input, parameter.name,
                           to_string(given), to_string(expected),
                           with.empty() ? "" : with + " as in an earlier input"));
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
  Substitution known;
  std::map<ir::Value, ir::Value> values;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const ir::Value input = value_of(inputs[i], graph.name());
    match_input(graph, i, inputs[i].type(), known);
    values[graph.parameters()[i].value] = input;
  }
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
