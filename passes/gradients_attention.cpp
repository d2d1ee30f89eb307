#include "passes/expand_attention.h"
#include "passes/gradient_rules.h"

// Derivatives of attention. The first one has an op and a kernel of its own. That of the gradient, by a float mask and
// through the logarithms of the sums, which only a second derivative reads, is that of the ordinary ops.
namespace sluice::passes {

using ir::Op;
using ir::Value;

namespace {

void derive_expanded(GradientContext& c) {
  const auto first = static_cast<std::uint32_t>(c.builder.graph().nodes().size());
  const std::vector<Value> results = append_attention(c.builder, c.node, c.node.operands);
  derive_copy(c, first, results);
}

}  // namespace

void gradient_of_kAttention(GradientContext& c) {
  const bool has_mask = c.node.operands.size() > 3;
  if (c.adjoints[1] || (has_mask && c.wanted(3))) return derive_expanded(c);
  std::vector<Value> operands{c.operand(0), c.operand(1), c.operand(2), c.result, c.result_at(1), *c.adjoints[0]};
  if (has_mask) operands.push_back(c.operand(3));
  const Value first = c.builder.add(Op::kAttentionGradient, operands, c.node.attributes, c.builder.current_origins());
  for (std::uint32_t i = 0; i < 3; ++i) c.contribute(i, {first.node, i});
}

void gradient_of_kAttentionGradient(GradientContext& c) { derive_expanded(c); }

}  // namespace sluice::passes
