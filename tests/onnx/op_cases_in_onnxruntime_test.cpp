// Every op case in ONNX Runtime against the interpreter.
#include <algorithm>
#include <fstream>

#include "tests/onnx/onnx_case.h"
#include "tests/onnx/onnxruntime.h"
#include "tests/ops/check_case.h"
#include "tests/support/skip.h"

namespace sluice::test {
namespace {

using ir::Op;

/// Of valid models, those for which ONNX Runtime has no code on CPUs: ops of f64.
constexpr Op kNotInF64[] = {Op::kErf, Op::kErfc, Op::kTan, Op::kAtan, Op::kSinh, Op::kCosh};

bool is_missing_in_runtime(const OpCase& c, const std::string& message) {
  return std::ranges::find(kNotInF64, c.op) != std::end(kNotInF64) && message.find("NOT_IMPLEMENTED") != message.npos;
}

/// Whether ONNX leaves the result open, as docs/onnx.md says: the position of a NaN, and sums that overflow.
bool is_open(const OpCase& c) {
  if (c.fill != Fill::kSpecial) return false;
  const bool of_floats = c.name.find("/f") != c.name.npos;
  return of_floats ? c.op == Op::kArgmax || c.op == Op::kIsFirstMax : c.op == Op::kReduceSum;
}

/// Whether a NaN among the operands may be left out.
bool may_lose_nan(const OpCase& c) { return c.op == Op::kReduceMax || c.op == Op::kReduceMin; }

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
      const bool is_missing = is_missing_in_runtime(c, failed->second);
      CHECK_MESSAGE(is_missing, c.name, ": ", failed->second);
      if (is_missing) fmt::print("not in ONNX Runtime: {}\n", c.name);
      continue;
    }
    if (is_open(c)) continue;
    const ir::Graph graph = c.graph();
    for (const std::int64_t batch_size : kBatchSizes) {
      const std::vector<Array> expected = expected_results(c, graph, c.inputs(graph, batch_size));
      for (std::size_t result = 0; result < expected.size(); ++result) {
        const auto computed = answer.outputs.find(fmt::format("{}|{}|y{}", i, batch_size, result));
        REQUIRE(computed != answer.outputs.end());
        const std::string wrong =
            difference_to_1e_5(computed->second, expected[result], c.agreement == Agreement::kSummed, may_lose_nan(c));
        CHECK_MESSAGE(wrong.empty(), c.name, ", B = ", batch_size, ", result ", result, ": ", wrong);
      }
    }
  }
}

}  // namespace
}  // namespace sluice::test
