// Every case through an executable, passes and code generation included, against the interpreter on the graph as it was
// written. One executable serves all batch sizes.
#include <doctest/doctest.h>

#include "ir/reference/interpreter.h"
#include "runtime/executable.h"
#include "tests/support/op_cases.h"

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

TEST_CASE("the reference engine agrees with the interpreter") {
  for (const OpCase& c : op_cases())
    check_case(c, runtime::Engine::kReference, std::max(c.agreement, Agreement::kRounded));
}

TEST_CASE("compiled code agrees with the interpreter") {
  for (const OpCase& c : op_cases()) check_case(c, runtime::Engine::kJit, c.agreement);
}

}  // namespace
}  // namespace sluice::test
