#include "frontend/gradients.h"

#include <fmt/format.h>

#include "frontend/elementwise.h"
#include "frontend/reduce.h"
#include "frontend/trace.h"

namespace sluice {

Targets::Targets(std::initializer_list<Arg> targets) {
  for (const Arg& target : targets) tensors_.push_back(target.tensor());
}

Targets::Targets(const std::vector<Variable>& variables, std::source_location where) {
  for (const Variable& variable : variables) tensors_.emplace_back(variable, where);
}

std::vector<Tensor> gradients(const Arg& y, const Targets& targets) {
  const Scope scope(y.where());
  Trace& trace = Trace::required("gradient");
  if (targets.tensors().empty()) return {};
  std::vector<Tensor> operands{y};
  operands.insert(operands.end(), targets.tensors().begin(), targets.tensors().end());
  return trace.add_node(ir::Op::kGradient, operands);
}

Tensor global_norm(const std::vector<Tensor>& tensors, std::source_location where) {
  const Scope scope(where);
  if (tensors.empty()) fail_at_user("global_norm: expected at least one tensor");
  Tensor sum = reduce_sum(square(tensors[0]));
  for (std::size_t i = 1; i < tensors.size(); ++i) sum = sum + reduce_sum(square(tensors[i]));
  return sqrt(sum);
}

ClippedGradients clip_by_global_norm(const std::vector<Tensor>& gradients, double clip_norm,
                                     std::source_location where) {
  const Scope scope(where);
  if (!(clip_norm > 0)) fail_at_user(fmt::format("clip_by_global_norm: the norm is above 0, got {}", clip_norm));
  const Tensor norm = global_norm(gradients, where);
  const Tensor factor = clip_norm / maximum(norm, clip_norm);
  std::vector<Tensor> clipped;
  for (const Tensor& gradient : gradients) clipped.push_back(gradient * factor);
  return {std::move(clipped), norm};
}

}  // namespace sluice
