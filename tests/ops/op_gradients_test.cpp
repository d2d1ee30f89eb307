// The derivative of every case: `differentiate` against dual numbers, which share no rule with it, and, where the
// inputs are random and thus away from kinks, against central differences.
#include <doctest/doctest.h>

#include <cmath>

#include "ir/reference/interpreter.h"
#include "passes/differentiate.h"
#include "tests/support/central_difference.h"
#include "tests/support/gradient_case.h"
#include "tests/support/random_arrays.h"

namespace sluice::test {
namespace {

using ir::Graph;
using ir::Op;

struct Slopes {
  double by_gradient = 0;
  double by_duals = 0;
  double by_difference = 0;
  double value = 0;  ///< of the function itself
  double scale = 1;  ///< the magnitude of the terms, which determines rounding errors
};

Slopes slopes_of(const OpCase& c, const Graph& expanded, std::int64_t batch_size) {
  const std::vector<Array> inputs = c.inputs(expanded, batch_size, 3);
  Slopes slopes;
  const ir::EvalResult result = evaluate(expanded, inputs, {}, {ir::Precision::kDouble, true});
  slopes.value = result.results[0].item<double>();
  // The case's float parameters vary; the weights, which follow them, stay fixed.
  std::vector<Array> direction;
  std::size_t next = 1;
  for (const Array& input : inputs) {
    direction.emplace_back(DType::kF64, input.sizes());
    if (!is_float(input.dtype()) || next == result.results.size()) continue;
    direction.back() = random_array(direction.back().type(), 1, 50 + next);
    const auto step = direction.back().data<double>();
    const auto gradient = result.results[next++].data<double>();
    for (std::size_t j = 0; j < gradient.size(); ++j) {
      slopes.by_gradient += gradient[j] * step[j];
      slopes.scale += std::abs(gradient[j] * step[j]);
    }
  }
  slopes.by_duals = evaluate_tangent(expanded, inputs, {}, direction, {}).results[0].item<double>();
  slopes.by_difference = central_difference(expanded, inputs, {}, direction, {}, 1e-6).results[0].item<double>();
  return slopes;
}

/// floor and the like jump: no difference quotient shows their derivative, which is 0.
bool is_smooth(const OpCase& c) {
  return c.fill == Fill::kRandom && !ir::info(c.op).has(ir::kJumps) && c.op != Op::kStopGradient;
}

TEST_CASE("the gradient of every case") {
  int checked = 0;
  for (const OpCase& c : op_cases()) {
    const std::optional<Graph> graph = gradient_graph(c);
    if (!graph) continue;
    const Graph expanded = passes::differentiate(*graph);
    for (const std::int64_t batch_size : {1, 3}) {
      INFO(c.name, ", B = ", batch_size);
      const Slopes slopes = slopes_of(c, expanded, batch_size);
      CHECK(std::abs(slopes.by_gradient - slopes.by_duals) <= 1e-12 * slopes.scale);
      // The rounding of a large value dominates the difference of two.
      const double allowed = 1e-7 * slopes.scale + 1e-8 * std::abs(slopes.value);
      if (is_smooth(c)) CHECK(std::abs(slopes.by_duals - slopes.by_difference) <= allowed);
    }
    ++checked;
  }
  CHECK(checked > 100);
}

}  // namespace
}  // namespace sluice::test
