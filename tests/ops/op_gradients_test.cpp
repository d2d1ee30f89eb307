// The derivative of every case: `differentiate` against dual numbers, which share no rule with it, and, where the
// inputs are random and so away from kinks, against central differences.
#include <doctest/doctest.h>

#include <cmath>

#include "ir/reference/interpreter.h"
#include "passes/differentiate.h"
#include "tests/support/central_difference.h"
#include "tests/support/op_cases.h"
#include "tests/support/random_arrays.h"

namespace sluice::test {
namespace {

using ir::Attr;
using ir::Builder;
using ir::Graph;
using ir::Op;
using ir::Value;

/// sum(x * weights), with random weights in [0,1).
Value weighted_sum(Builder& b, Value x) {
  const Type type = b.type(x);
  const Value key = b.scalar(DType::kI64, 11);
  const Value counter = b.scalar(DType::kI64, static_cast<double>(x.node));
  const Value weights = b(Op::kRandomUniform, {key, counter}, {{Attr::kDType, type.dtype}, {Attr::kShape, type.shape}});
  std::vector<std::int64_t> axes;
  for (int axis = 0; axis < type.shape.rank(); ++axis) axes.push_back(axis);
  return b.cast(b.reduce_sum(b(Op::kMul, {x, weights}), axes), DType::kF64);
}

/// The weighted sum of a case's float results, then its gradient by each float parameter; no graph if there is none.
std::optional<Graph> gradient_graph(const OpCase& c) {
  Builder b("gradient");
  std::optional<Value> total;
  for (const Value result : c.build(b)) {
    if (!is_float(b.type(result).dtype)) continue;
    const Value sum = weighted_sum(b, result);
    total = total ? b(Op::kAdd, {*total, sum}) : sum;
  }
  if (!total) return std::nullopt;
  std::vector<Value> operands{*total};
  for (const ir::Parameter& parameter : b.graph().parameters()) {
    if (is_float(b.type(parameter.value).dtype)) operands.push_back(parameter.value);
  }
  if (operands.size() == 1) return std::nullopt;
  const Value gradient = b.add(Op::kGradient, operands);
  std::vector<Value> results{*total};
  for (std::uint32_t i = 0; i + 1 < operands.size(); ++i) results.push_back({gradient.node, i});
  b.set_results(results);
  return std::move(b).finish();
}

struct Slopes {
  double by_gradient = 0;
  double by_duals = 0;
  double by_difference = 0;
  double value = 0;  ///< of the function itself
  double scale = 1;  ///< the sizes of the terms, of whose order rounding errors are
};

Slopes slopes_of(const OpCase& c, const Graph& expanded, std::int64_t batch_size) {
  const std::vector<Array> inputs = c.inputs(expanded, batch_size, 3);
  std::vector<Array> direction;
  for (const Array& input : inputs) {
    direction.push_back(random_array({DType::kF64, Shape::of(input.sizes())}, 1, 50 + direction.size()));
  }
  Slopes slopes;
  const ir::EvalResult result = evaluate(expanded, inputs, {}, {ir::Precision::kDouble, true});
  slopes.value = result.results[0].item<double>();
  std::size_t next = 1;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    if (!is_float(inputs[i].dtype())) continue;
    const auto gradient = result.results[next++].data<double>();
    for (std::size_t j = 0; j < gradient.size(); ++j) {
      const double term = gradient[j] * direction[i].data<double>()[j];
      slopes.by_gradient += term;
      slopes.scale += std::abs(term);
    }
  }
  slopes.by_duals = evaluate_tangent(expanded, inputs, {}, direction, {}).results[0].item<double>();
  slopes.by_difference = central_difference(expanded, inputs, {}, direction, {}, 1e-6).results[0].item<double>();
  return slopes;
}

/// Finite at every input, so that there is a derivative to speak of.
bool has_derivatives(const OpCase& c) { return c.fill == Fill::kRandom || c.fill == Fill::kTies; }

/// floor and the like jump: no difference tells their derivative, which is 0.
bool is_smooth(const OpCase& c) {
  return c.fill == Fill::kRandom && c.op != Op::kFloor && c.op != Op::kSign && c.op != Op::kStopGradient;
}

TEST_CASE("the gradient of every case") {
  int checked = 0;
  for (const OpCase& c : op_cases()) {
    if (!has_derivatives(c)) continue;
    const std::optional<Graph> graph = gradient_graph(c);
    if (!graph) continue;
    const Graph expanded = passes::differentiate(*graph);
    for (const std::int64_t batch_size : {1, 3}) {
      INFO(c.name, ", B = ", batch_size);
      const Slopes slopes = slopes_of(c, expanded, batch_size);
      CHECK(std::abs(slopes.by_gradient - slopes.by_duals) <= 1e-12 * slopes.scale);
      // The rounding of a large value weighs on the difference of two.
      const double allowed = 1e-7 * slopes.scale + 1e-8 * std::abs(slopes.value);
      if (is_smooth(c)) CHECK(std::abs(slopes.by_duals - slopes.by_difference) <= allowed);
    }
    ++checked;
  }
  CHECK(checked > 100);
}

}  // namespace
}  // namespace sluice::test
