// Every case through an executable, passes and code generation included, against the interpreter on the graph as it was
// written. One executable serves all batch sizes.
#include <doctest/doctest.h>

#include <cmath>

#include "ir/reference/interpreter.h"
#include "passes/differentiate.h"
#include "runtime/executable.h"
#include "tests/support/gradient_case.h"

namespace sluice::test {
namespace {

/// Rounded results are held against double, so that only one side's errors count.
std::vector<Array> expected_results(const OpCase& c, const ir::Graph& graph, const std::vector<Array>& inputs) {
  const bool approximate = c.agreement == Agreement::kRounded || c.agreement == Agreement::kSummed;
  const ir::Precision precision = approximate ? ir::Precision::kDouble : ir::Precision::kAsWritten;
  return evaluate(graph, inputs, {}, {precision}).results;
}

void check_case(const OpCase& c, runtime::Engine engine, Agreement agreement) {
  const ir::Graph graph = c.graph();
  std::unique_ptr<runtime::Executable> executable;
  REQUIRE_NOTHROW_MESSAGE(executable = runtime::Executable::create(graph, {}, {engine, {}}), c.name);
  std::vector<Array> outputs(graph.results().size());
  for (const std::int64_t batch_size : kBatchSizes) {
    const std::vector<Array> inputs = c.inputs(graph, batch_size);
    executable->run(inputs, outputs);
    const std::vector<Array> expected = expected_results(c, graph, inputs);
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      const std::string wrong = difference(outputs[i], expected[i], agreement);
      CHECK_MESSAGE(wrong.empty(), c.name, ", B = ", batch_size, ", result ", i, " ", wrong);
    }
  }
}

/// |computed - expected| / |expected|, with Euclid's norm; of arrays near zero, the norm of the difference.
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
  REQUIRE_NOTHROW_MESSAGE(executable = runtime::Executable::create(*graph, {}, {engine, {}}), c.name);
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

TEST_CASE("the reference engine agrees with the interpreter") {
  for (const OpCase& c : op_cases())
    check_case(c, runtime::Engine::kReference, std::max(c.agreement, Agreement::kRounded));
}

TEST_CASE("compiled code agrees with the interpreter") {
  for (const OpCase& c : op_cases()) check_case(c, runtime::Engine::kJit, c.agreement);
}

TEST_CASE("gradients of the reference engine agree with those in double") {
  for (const OpCase& c : op_cases()) check_gradients(c, runtime::Engine::kReference);
}

TEST_CASE("compiled gradients agree with the interpreter's in double") {
  for (const OpCase& c : op_cases()) check_gradients(c, runtime::Engine::kJit);
}

}  // namespace
}  // namespace sluice::test
