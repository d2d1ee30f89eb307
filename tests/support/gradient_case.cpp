#include "tests/support/gradient_case.h"

namespace sluice::test {

using ir::Attr;
using ir::Builder;
using ir::Graph;
using ir::Op;
using ir::Value;

namespace {

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

}  // namespace

std::optional<Graph> gradient_graph(const OpCase& c) {
  if (c.fill == Fill::kSpecial || c.fill == Fill::kNonFinite) return std::nullopt;
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

}  // namespace sluice::test
