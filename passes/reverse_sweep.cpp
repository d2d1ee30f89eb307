#include "passes/reverse_sweep.h"

#include <algorithm>

#include "passes/gradient_rules.h"
#include "sluice/error.h"

namespace sluice::passes {

ir::Origins as_gradient(ir::Origins origins) {
  for (ir::Origin& origin : origins) origin.gradient = true;
  return origins;
}

GradientContext::GradientContext(ir::Builder& graph_builder, std::uint32_t index,
                                 std::vector<std::optional<ir::Value>> node_adjoints, std::vector<bool> wanted_operands)
    : builder(graph_builder),
      node(graph_builder.graph().node(index)),
      adjoints(std::move(node_adjoints)),
      result{index, 0},
      adjoint(adjoints[0].value_or(ir::Value{})),
      wanted_(std::move(wanted_operands)) {
  for (std::size_t i = 0; i < node.operands.size(); ++i) {
    wanted_[i] = wanted_[i] && is_float(builder.type(node.operands[i]).dtype);
  }
}

void GradientContext::contribute(std::size_t i, ir::Value contribution) {
  if (!wanted(i)) return;
  SLUICE_CHECK(builder.type(contribution) == operand_type(i), "the derivative of {} by operand {} is {}, expected {}",
               to_string(node.op), i, to_string(builder.type(contribution)), to_string(operand_type(i)));
  contributions_.push_back({node.operands[i], contribution});
}

ReverseSweep::ReverseSweep(ir::Builder& builder, std::uint32_t first, std::uint32_t end,
                           std::span<const ir::Value> variables)
    : builder_(builder), first_(first), slots_(end - first) {
  const ir::Graph& graph = builder.graph();
  for (std::uint32_t i = first; i < end; ++i) slots_[i - first].resize(graph.node(i).types.size());
  for (const ir::Value variable : variables) {
    if (variable.node < first) before_[variable] = {};
    if (Slot* const slot = find(variable)) slot->reached = true;
  }
  for (std::uint32_t i = first; i < end; ++i) {
    const ir::Node& node = graph.node(i);
    if (gradient_rule(node.op) == nullptr) continue;
    const bool depends = std::ranges::any_of(node.operands, [&](ir::Value operand) { return is_reached(operand); });
    for (std::size_t r = 0; depends && r < node.types.size(); ++r) {
      if (is_float(node.types[r].dtype)) slots_[i - first][r].reached = true;
    }
  }
}

ReverseSweep::Slot* ReverseSweep::find(ir::Value value) {
  if (value.node >= first_)
    return value.node - first_ < slots_.size() ? &slots_[value.node - first_][value.result] : nullptr;
  const auto found = before_.find(value);
  return found == before_.end() ? nullptr : &found->second;
}

bool ReverseSweep::is_reached(ir::Value value) {
  const Slot* const slot = find(value);
  return slot != nullptr && slot->reached;
}

void ReverseSweep::add(ir::Value value, ir::Value contribution) {
  Slot* const slot = find(value);
  if (slot == nullptr || !slot->reached) return;
  slot->adjoint = slot->adjoint ? builder_(ir::Op::kAdd, {*slot->adjoint, contribution}) : contribution;
}

void ReverseSweep::run() {
  const ir::Origins before = builder_.current_origins();
  for (std::uint32_t i = static_cast<std::uint32_t>(slots_.size()); i-- > 0;) {
    std::vector<std::optional<ir::Value>> adjoints;
    for (const Slot& slot : slots_[i]) adjoints.push_back(slot.adjoint);
    const ir::Node& node = builder_.graph().node(first_ + i);
    const GradientRule rule = gradient_rule(node.op);
    if (rule == nullptr || std::ranges::none_of(adjoints, [](const auto& adjoint) { return adjoint.has_value(); }))
      continue;
    std::vector<bool> wanted;
    for (const ir::Value operand : node.operands) wanted.push_back(is_reached(operand));
    if (std::ranges::find(wanted, true) == wanted.end()) continue;  // a variable: its operands need no adjoint
    builder_.set_origins(as_gradient(node.origins));
    GradientContext context(builder_, first_ + i, std::move(adjoints), std::move(wanted));
    rule(context);
    for (const auto& [operand, value] : context.contributions()) add(operand, value);
  }
  builder_.set_origins(before);
}

std::optional<ir::Value> ReverseSweep::adjoint(ir::Value value) {
  const Slot* const slot = find(value);
  return slot == nullptr ? std::nullopt : slot->adjoint;
}

}  // namespace sluice::passes
