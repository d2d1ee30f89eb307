// Every op case in ONNX Runtime against the interpreter.
#include <algorithm>
#include <fstream>

#include "tests/onnx/onnx_case.h"
#include "tests/onnx/onnxruntime.h"
#include "tests/ops/check_case.h"
#include "tests/support/skip.h"

namespace sluice::test {
namespace {

TEST_CASE("ONNX Runtime computes of every op case what the interpreter does, to 1e-5") {
  if (!OnnxRuntime::is_there()) return skip(OnnxRuntime::kMissing);
  OnnxRuntime runtime;
  const std::vector<OpCase>& cases = op_cases();
  for (std::size_t i = 0; i < cases.size(); ++i) {
    if (!is_exported(cases[i])) continue;
    const SavedModel model = model_of(cases[i]);
    std::ofstream(runtime.file_of(fmt::format("{}", i)), std::ios::binary)
        << onnx_model::convert(model).SerializeAsString();
    for (const std::int64_t batch_size : kBatchSizes) {
      runtime.add(fmt::format("{}", i), fmt::format("{}", batch_size), model.graph,
                  cases[i].inputs(model.graph, batch_size));
    }
  }
  const OnnxRuntime::Answer answer = runtime.run();
  for (std::size_t i = 0; i < cases.size(); ++i) {
    const OpCase& c = cases[i];
    if (!is_exported(c)) continue;
    const auto failed = answer.failed.find(fmt::format("{}", i));
    if (failed != answer.failed.end()) {
      FAIL_CHECK(c.name << ": " << failed->second);
      continue;
    }
    const ir::Graph graph = c.graph();
    for (const std::int64_t batch_size : kBatchSizes) {
      const std::vector<Array> expected = expected_results(c, graph, c.inputs(graph, batch_size));
      for (std::size_t result = 0; result < expected.size(); ++result) {
        const auto computed = answer.outputs.find(fmt::format("{}|{}|y{}", i, batch_size, result));
        REQUIRE(computed != answer.outputs.end());
        const std::string wrong =
            difference_to_1e_5(computed->second, expected[result], c.agreement == Agreement::kSummed);
        CHECK_MESSAGE(wrong.empty(), c.name, ", B = ", batch_size, ", result ", result, ": ", wrong);
      }
    }
  }
}

}  // namespace
}  // namespace sluice::test
