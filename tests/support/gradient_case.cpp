#include "tests/support/gradient_case.h"

namespace sluice::test {

using ir::Builder;
using ir::Graph;
using ir::Op;
using ir::Value;

namespace {

/// Returns sum(x * weights); the weights are a new parameter.
Value weighted_sum(Builder& b, Value x) {
  const Type type = b.type(x);
  const Value weights = b.parameter(fmt::format("weights{}", b.graph().parameters().size()), type, ir::Range{0, 1});
  std::vector<std::int64_t> axes;
  for (int axis = 0; axis < type.shape.rank(); ++axis) axes.push_back(axis);
  return b.cast(b.reduce_sum(b(Op::kMul, {x, weights}), axes), DType::kF64);
}

}  // namespace

std::optional<Graph> gradient_graph(const OpCase& c) {
  if (c.fill == Fill::kSpecial || c.fill == Fill::kNonFinite) return std::nullopt;
  Builder b("gradient");
  const std::vector<Value> values = c.build(b);
  std::vector<Value> operands{Value{}};  // y, and what to differentiate with respect to
  for (const ir::Parameter& parameter : b.graph().parameters()) {
    if (is_float(b.type(parameter.value).dtype)) operands.push_back(parameter.value);
  }
  std::optional<Value> total;
  for (const Value value : values) {
    if (!is_float(b.type(value).dtype)) continue;
    const Value sum = weighted_sum(b, value);
    total = total ? b(Op::kAdd, {*total, sum}) : sum;
  }
  if (!total || operands.size() == 1) return std::nullopt;
  operands[0] = *total;
  const Value gradient = b.add(Op::kGradient, operands);
  std::vector<Value> results{*total};
  for (std::uint32_t i = 0; i + 1 < operands.size(); ++i) results.push_back({gradient.node, i});
  b.set_results(results);
  return std::move(b).finish();
}

}  // namespace sluice::test
