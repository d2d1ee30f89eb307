#include "tests/passes/gradient_check.h"

#include <doctest/doctest.h>

#include <cmath>

#include "ir/reference/interpreter.h"
#include "passes/differentiate.h"
#include "tests/support/random_arrays.h"

namespace sluice::test {

namespace {

using ir::Op;
using ir::Value;

std::vector<Value> add_parameters(ir::Builder& b, const std::vector<Operand>& operands) {
  std::vector<Value> values;
  for (const Operand& operand : operands) {
    values.push_back(b.parameter(fmt::format("x{}", values.size()), operand.type, operand.range));
  }
  return values;
}

/// Returns sum(value * weights) over all axes; appends the new parameter to `parameters`.
Value weighted_sum(ir::Builder& b, Value value, std::vector<Value>& parameters) {
  const Type type = b.type(value);
  const Value weights = b.parameter(fmt::format("weights{}", parameters.size()), type);
  parameters.push_back(weights);
  std::vector<std::int64_t> axes;
  for (int axis = 0; axis < type.shape.rank(); ++axis) axes.push_back(axis);
  return b.reduce_sum(b(Op::kMul, {value, weights}), axes);
}

std::vector<Value> gradients(ir::Builder& b, Value y, const std::vector<Value>& parameters) {
  std::vector<Value> operands{y};
  for (const Value parameter : parameters) {
    if (is_float(b.type(parameter).dtype)) operands.push_back(parameter);
  }
  const Value first = b.add(Op::kGradient, operands);
  std::vector<Value> results;
  for (std::uint32_t i = 0; i + 1 < operands.size(); ++i) results.push_back({first.node, i});
  return results;
}

std::vector<Array> widened(std::vector<Array> arrays) {
  for (Array& array : arrays) {
    if (array.dtype() != DType::kF32) continue;
    Array wide(DType::kF64, array.sizes());
    for (std::int64_t i = 0; i < array.element_count(); ++i) {
      const auto at = static_cast<std::size_t>(i);
      wide.data<double>()[at] = static_cast<double>(array.data<float>()[at]);
    }
    array = wide;
  }
  return arrays;
}

std::vector<Array> moved(const std::vector<Array>& inputs, const std::vector<Array>& direction, double step) {
  std::vector<Array> result;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    result.push_back(inputs[i].clone());
    if (inputs[i].dtype() != DType::kF64) continue;
    for (std::size_t j = 0; j < result[i].data<double>().size(); ++j) {
      result[i].data<double>()[j] += step * direction[i].data<double>()[j];
    }
  }
  return result;
}

void check_for_batch(const ir::Graph& graph, const ir::Graph& expanded, std::int64_t batch_size) {
  const std::vector<Array> inputs = widened(random_parameters(graph, batch_size, 7));
  std::vector<Array> direction;
  for (const Array& input : inputs) {
    direction.push_back(random_array({DType::kF64, Shape::of(input.sizes())}, 1, 100 + direction.size()));
  }
  const ir::EvalOptions options{ir::Precision::kDouble, true};
  const auto value_at = [&](double step) {
    return ir::evaluate(expanded, moved(inputs, direction, step), {}, options).results[0].item<double>();
  };
  const ir::EvalResult result = ir::evaluate(expanded, inputs, {}, options);
  double slope = 0;
  double scale = 1;
  std::size_t next = 1;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (inputs[i].dtype() != DType::kF64) continue;
    const Array& gradient = result.results[next++];
    REQUIRE(gradient.sizes() == inputs[i].sizes());
    for (std::size_t j = 0; j < gradient.data<double>().size(); ++j) {
      const double term = gradient.data<double>()[j] * direction[i].data<double>()[j];
      slope += term;
      scale += std::abs(term);
    }
  }
  const double tangent = ir::evaluate_tangent(expanded, inputs, {}, direction, {}).results[0].item<double>();
  CHECK(std::abs(slope - tangent) <= 1e-12 * scale);
  const double step = 1e-5;
  const double difference = (value_at(step) - value_at(-step)) / (2 * step);
  CHECK(std::abs(slope - difference) <= 1e-7 * scale);
}

}  // namespace

ir::Graph gradient_graph(const std::vector<Operand>& operands, const Expression& expression) {
  ir::Builder b("gradient");
  std::vector<Value> parameters = add_parameters(b, operands);
  const Value y = weighted_sum(b, expression(b, parameters), parameters);
  std::vector<Value> results{y};
  for (const Value gradient : gradients(b, y, parameters)) results.push_back(gradient);
  b.set_results(results);
  return std::move(b).finish();
}

ir::Graph second_gradient_graph(const std::vector<Operand>& operands, const Expression& expression) {
  ir::Builder b("second_gradient");
  std::vector<Value> parameters = add_parameters(b, operands);
  const Value y = weighted_sum(b, expression(b, parameters), parameters);
  std::vector<Value> sums;
  for (const Value gradient : gradients(b, y, parameters))
    sums.push_back(b.cast(weighted_sum(b, gradient, parameters), DType::kF64));
  Value total = sums[0];
  for (std::size_t i = 1; i < sums.size(); ++i) total = b(Op::kAdd, {total, sums[i]});
  std::vector<Value> results{total};
  for (const Value gradient : gradients(b, total, parameters)) results.push_back(gradient);
  b.set_results(results);
  return std::move(b).finish();
}

void check_gradient(const ir::Graph& graph) {
  const ir::Graph expanded = passes::differentiate(graph);
  ir::verify(expanded);
  for (const std::int64_t batch_size : {1, 3}) {
    CAPTURE(batch_size);
    check_for_batch(graph, expanded, batch_size);
  }
}

}  // namespace sluice::test
