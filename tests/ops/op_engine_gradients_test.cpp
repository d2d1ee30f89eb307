// The gradient of every case through an executable, against the interpreter in double.
#include <doctest/doctest.h>

#include <cmath>

#include "ir/reference/interpreter.h"
#include "passes/differentiate.h"
#include "sluice/runtime/executable.h"
#include "tests/support/gradient_case.h"

namespace sluice::test {
namespace {

/// Returns |computed - expected| / |expected| in the Euclidean norm; for arrays near zero, the norm of the difference.
double relative_error(const Array& computed, const Array& expected) {
  return visit_dtype(expected.dtype(), [&](auto zero) {
    const auto x = computed.data<decltype(zero)>();
    const auto y = expected.data<decltype(zero)>();
    double error = 0;
    double norm = 0;
    for (std::size_t i = 0; i < y.size(); ++i) {
      error += std::pow(static_cast<double>(x[i]) - static_cast<double>(y[i]), 2);
      norm += std::pow(static_cast<double>(y[i]), 2);
    }
    return std::sqrt(error) / std::max(1.0, std::sqrt(norm));
  });
}

void check_gradients(const OpCase& c, runtime::Engine engine) {
  const std::optional<ir::Graph> graph = gradient_graph(c);
  if (!graph) return;
  const ir::Graph expanded = passes::differentiate(*graph);
  std::unique_ptr<runtime::Executable> executable;
  REQUIRE_NOTHROW_MESSAGE(executable = runtime::Executable::create(*graph, {}, {.engine = engine}), c.name);
  std::vector<Array> outputs(graph->results().size());
  for (const std::int64_t batch_size : {3, 64}) {
    const std::vector<Array> inputs = c.inputs(*graph, batch_size);
    executable->run(inputs, outputs);
    const std::vector<Array> expected = evaluate(expanded, inputs, {}, {ir::Precision::kDouble}).results;
    for (std::size_t i = 1; i < outputs.size(); ++i) {
      REQUIRE(outputs[i].type() == expected[i].type());
      const double allowed = outputs[i].dtype() == DType::kF32 ? 1e-5 : 1e-12;
      const double error = relative_error(outputs[i], expected[i]);
      CHECK_MESSAGE(error <= allowed, c.name, ", B = ", batch_size, ", gradient ", i - 1, " is off by ", error);
    }
  }
}

TEST_CASE("gradients of the reference engine agree with those in double") {
  for (const OpCase& c : op_cases()) check_gradients(c, runtime::Engine::kReference);
}

TEST_CASE("compiled gradients agree with the interpreter's in double") {
  for (const OpCase& c : op_cases()) check_gradients(c, runtime::Engine::kJit);
}

}  // namespace
}  // namespace sluice::test
