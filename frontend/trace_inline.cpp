#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "sluice/detail/trace.h"
#include "sluice/error.h"

namespace sluice {

namespace {

/// Returns the size that a tensor of type `given` has in place of B in `expected`. Throws Error at the user's line if
/// it does not fit, or if the size differs from `before`.
std::optional<std::int64_t> static_batch(const ir::Graph& graph, std::size_t input, const Type& given,
                                         const std::optional<std::int64_t>& before) {
  const ir::Parameter& parameter = graph.parameters()[input];
  const Type& expected = graph.type(parameter.value);
  if (given == expected) return std::nullopt;
  std::optional<std::int64_t> size = before;
  bool fits = given.dtype == expected.dtype && given.shape.rank() == expected.shape.rank();
  for (int axis = 0; fits && axis < given.shape.rank(); ++axis) {
    const Dim from = given.shape[axis];
    const Dim to = expected.shape[axis];
    if (!to.batch || from.batch) {
      fits = from == to;
      continue;
    }
    fits = from.size > 0 && from.size % to.size == 0 && (!size || *size == from.size / to.size);
    size = from.size / to.size;
  }
  if (fits) return size;
  fail_at_user(fmt::format("@{}: input {}, \"{}\", is {}, expected {}{}", graph.name(), input, parameter.name,
                           to_string(given), to_string(expected),
                           before ? fmt::format(" with B = {} as in an input before", *before) : ""));
}

ir::Graph with_batch(const ir::Graph& body, std::int64_t batch_size);

ir::Attributes with_batch(const ir::Attributes& attributes, const std::optional<std::int64_t>& batch_size) {
  if (!batch_size) return attributes;
  ir::Attributes result = attributes;
  for (const auto& [key, value] : attributes) {
    if (const Shape* const shape = std::get_if<Shape>(&value)) result.set(key, Shape::of(shape->at(*batch_size)));
    if (key == ir::Attr::kBody)
      result.set(key, std::make_shared<const ir::Graph>(with_batch(attributes.body(), *batch_size)));
  }
  return result;
}

/// Returns the body of a node with this size substituted for B.
ir::Graph with_batch(const ir::Graph& body, std::int64_t batch_size) {
  ir::Builder builder(body.name());
  std::vector<ir::Value> firsts(body.nodes().size());
  for (const ir::Parameter& parameter : body.parameters()) {
    const Type& type = body.type(parameter.value);
    firsts[parameter.value.node] = builder.parameter(parameter.name, {type.dtype, Shape::of(type.shape.at(batch_size))},
                                                     parameter.range, body.node(parameter.value).origins);
  }
  for (std::uint32_t i = 0; i < body.nodes().size(); ++i) {
    const ir::Node& node = body.node(i);
    if (node.op == ir::Op::kParameter) continue;
    std::vector<ir::Value> operands;
    for (const ir::Value operand : node.operands) operands.push_back({firsts[operand.node].node, operand.result});
    firsts[i] = node.op == ir::Op::kBatchSize
                    ? builder.add(ir::Op::kConstant, {}, {{ir::Attr::kValue, Array::scalar(batch_size)}}, node.origins)
                    : builder.add(node.op, std::move(operands), with_batch(node.attributes, batch_size), node.origins);
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
  std::optional<std::int64_t> batch_size;
  std::map<ir::Value, ir::Value> values;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const ir::Value input = value_of(inputs[i], graph.name());
    if (const auto size = static_batch(graph, i, inputs[i].type(), batch_size)) batch_size = size;
    values[graph.parameters()[i].value] = input;
  }
  for (std::size_t i = 0; i < variables.size(); ++i) values[graph.states()[i].value] = read(variables[i]).value_;
  for (std::uint32_t i = 0; i < graph.nodes().size(); ++i) {
    const ir::Node& node = graph.node(i);
    if (values.contains({i, 0})) continue;
    std::vector<Tensor> operands;
    for (const ir::Value operand : node.operands) operands.push_back(tensor(values.at(operand)));
    if (node.op == ir::Op::kBatchSize && batch_size) {
      values[{i, 0}] = add(ir::Op::kConstant, {}, {{ir::Attr::kValue, Array::scalar(*batch_size)}}).value_;
      continue;
    }
    const std::vector<Tensor> results = add_node(node.op, operands, with_batch(node.attributes, batch_size));
    for (std::uint32_t result = 0; result < results.size(); ++result) values[{i, result}] = results[result].value_;
  }
  std::vector<Tensor> results;
  for (const ir::Value value : wanted) results.push_back(tensor(values.at(value)));
  return results;
}

}  // namespace sluice
