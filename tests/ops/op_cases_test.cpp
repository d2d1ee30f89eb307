// The table of cases itself: complete, valid, and equal in float and double.
#include "tests/support/op_cases.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <set>

#include "ir/reference/interpreter.h"
#include "sluice/ir/text.h"

namespace sluice::test {
namespace {

using ir::Op;

bool tested_elsewhere(Op op) {
  return op == Op::kParameter || op == Op::kState || op == Op::kGradient || op == Op::kCustomGradient ||
         op == Op::kFused;
}

bool takes(ir::DTypeSet set, DType dtype) {
  switch (set) {
    case ir::DTypeSet::kAll:
      return true;
    case ir::DTypeSet::kNumber:
      return dtype != DType::kBool;
    case ir::DTypeSet::kFloat:
      return is_float(dtype);
    case ir::DTypeSet::kBool:
      return dtype == DType::kBool;
    default:
      return false;  // kMixed and kNone: the cases say
  }
}

TEST_CASE("every op has cases, with every dtype that its row allows, with and without B") {
  std::map<Op, std::set<DType>> dtypes;
  std::set<Op> with_batch;
  std::set<Op> without_batch;
  for (const OpCase& c : op_cases()) {
    const ir::Graph graph = c.graph();
    for (const ir::Node& node : graph.nodes()) {
      if (node.op != c.op) continue;
      for (const ir::Value operand : node.operands) dtypes[c.op].insert(graph.type(operand).dtype);
      (node.types[0].shape.is_static() ? without_batch : with_batch).insert(c.op);
    }
  }
  for (int i = 0; i < ir::kOpCount; ++i) {
    const Op op = static_cast<Op>(i);
    if (tested_elsewhere(op)) continue;
    INFO(to_string(op));
    CHECK(without_batch.contains(op));
    if (op != Op::kBatchSize && op != Op::kConstant) CHECK(with_batch.contains(op));
    for (int d = 0; d < kDTypeCount; ++d) {
      const DType dtype = static_cast<DType>(d);
      INFO(to_string(dtype));
      if (takes(info(op).dtypes, dtype)) CHECK(dtypes[op].contains(dtype));
    }
  }
}

TEST_CASE("every op has cases with empty arrays") {
  std::set<Op> met;
  for (const OpCase& c : op_cases()) {
    const ir::Graph graph = c.graph();
    const auto is_empty = [](const Type& type) { return type.shape.element_count().size == 0; };
    for (const ir::Node& node : graph.nodes()) {
      const bool any = std::ranges::any_of(node.types, is_empty) ||
                       std::ranges::any_of(node.operands, [&](ir::Value x) { return is_empty(graph.type(x)); });
      if (node.op == c.op && any) met.insert(c.op);
    }
  }
  for (int i = 0; i < ir::kOpCount; ++i) {
    const Op op = static_cast<Op>(i);
    if (!tested_elsewhere(op) && op != Op::kBatchSize) CHECK_MESSAGE(met.contains(op), to_string(op));
  }
}

TEST_CASE("the cases' graphs are valid and survive a round trip through text") {
  for (const OpCase& c : op_cases()) {
    INFO(c.name);
    const ir::Graph graph = c.graph();
    CHECK_NOTHROW(verify(graph));
    const std::string text = print(graph);
    CHECK(print(ir::parse(text)) == text);
  }
}

TEST_CASE("the interpreter agrees with itself in double") {
  for (const OpCase& c : op_cases()) {
    const ir::Graph graph = c.graph();
    for (const std::int64_t batch_size : {1, 3, 64}) {
      const std::vector<Array> inputs = c.inputs(graph, batch_size);
      const ir::EvalResult as_written = evaluate(graph, inputs, {});
      const ir::EvalResult in_double = evaluate(graph, inputs, {}, {ir::Precision::kDouble});
      // An op with several roundings has them in float on one side and in double on the other.
      const Agreement agreement = std::max(c.agreement, Agreement::kRounded);
      for (std::size_t i = 0; i < graph.results().size(); ++i) {
        const std::string wrong = difference(as_written.results[i], in_double.results[i], agreement);
        CHECK_MESSAGE(wrong.empty(), c.name, ", B = ", batch_size, ", result ", i, " ", wrong);
      }
    }
  }
}

TEST_CASE("difference() describes differences") {
  const Array x({1.0F, 2.0F}, {2});
  CHECK(difference(x, x, Agreement::kBits).empty());
  CHECK(difference(Array({0.0F}, {1}), Array({-0.0F}, {1}), Agreement::kBits) ==
        "1 of 1 elements differ; element 0 is 0, expected -0");
  CHECK(difference(Array({0.0F}, {1}), Array({-0.0F}, {1}), Agreement::kValue).empty());
  CHECK(difference(Array({1.0F, 2.000001F}, {2}), x, Agreement::kRounded).empty());
  CHECK_FALSE(difference(Array({1.0F, 2.000001F}, {2}), x, Agreement::kValue).empty());
  CHECK_FALSE(difference(Array({1.0F, 2.0001F}, {2}), x, Agreement::kRounded).empty());
  CHECK(difference(Array({1e-4F, 100.0F}, {2}), Array({0.0F, 100.0F}, {2}), Agreement::kSummed).empty());
  CHECK_FALSE(difference(Array({1, 2}, {2}), Array({1, 3}, {2}), Agreement::kSummed).empty());
  CHECK(difference(x, Array({1.0, 2.0}, {2}), Agreement::kSummed) == "has type f32[2], expected f64[2]");
}

}  // namespace
}  // namespace sluice::test
