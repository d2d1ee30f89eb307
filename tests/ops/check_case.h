#pragma once

#include <doctest/doctest.h>

#include <memory>
#include <vector>

#include "ir/reference/interpreter.h"
#include "sluice/runtime/executable.h"
#include "tests/support/op_cases.h"

namespace sluice::test {

/// Rounded results are compared with double, so that only one side's errors count.
inline std::vector<Array> expected_results(const OpCase& c, const ir::Graph& graph, const std::vector<Array>& inputs) {
  const bool approximate = c.agreement == Agreement::kRounded || c.agreement == Agreement::kSummed;
  const ir::Precision precision = approximate ? ir::Precision::kDouble : ir::Precision::kAsWritten;
  return evaluate(graph, inputs, {}, {precision}).results;
}

/// Runs `c` through an executable at every batch size and compares it with the interpreter.
inline void check_case(const OpCase& c, const runtime::ExecutableOptions& options, Agreement agreement) {
  const ir::Graph graph = c.graph();
  std::unique_ptr<runtime::Executable> executable;
  REQUIRE_NOTHROW_MESSAGE(executable = runtime::Executable::create(graph, {}, options), c.name);
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

}  // namespace sluice::test
