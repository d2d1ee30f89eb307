#include <algorithm>

#include "ir/reference/interpreter.h"
#include "passes/rewrite.h"

// Nodes whose operands are constants become constants, evaluated by the interpreter.
namespace sluice::passes {

using ir::Op;
using ir::Value;
using Result = std::optional<Value>;

namespace {

/// A larger constant would cost more memory than it saves in work.
constexpr std::int64_t kMostElements = 1024;

bool may_fold(const Match& m) {
  if (m.operand_count() == 0 || m.op() == Op::kGradient || m.attributes().find(ir::Attr::kBody) != nullptr)
    return false;
  if (m.op() == Op::kBroadcast) return false;  // kernels broadcast a scalar for free
  const Shape& shape = m.type().shape;
  if (!shape.is_static() || shape.element_count().size > kMostElements) return false;
  return std::ranges::all_of(m.operands(), [&](Value value) { return m.maker_of(value).op == Op::kConstant; });
}

Value fold(const Match& m) {
  ir::Builder b("fold");
  std::vector<Value> operands;
  for (const Value value : m.operands()) operands.push_back(b.constant(m.maker_of(value).attributes.array()));
  b.set_results({b.add(m.op(), std::move(operands), m.attributes())});
  return m.builder().constant(ir::evaluate(std::move(b).finish(), {}, {}).results[0]);
}

constexpr Rule kFoldingRules[] = {
    {"op(constants) -> constant", Exactness::kExact, std::nullopt,
     [](const Match& m) -> Result { return may_fold(m) ? Result(fold(m)) : Result(); }},
};

}  // namespace

std::span<const Rule> folding_rules() { return kFoldingRules; }

}  // namespace sluice::passes
