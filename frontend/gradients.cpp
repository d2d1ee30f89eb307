#include "frontend/gradients.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "frontend/elementwise.h"
#include "frontend/reduce.h"
#include "frontend/trace.h"

namespace sluice {

namespace {

void warn_of_zeros(const Trace& trace, const Tensor& y, const std::vector<Tensor>& targets) {
  const std::vector<bool> reached = trace.depends(y, targets);
  std::vector<std::string> names;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    if (!reached[i]) names.push_back(trace.describe(targets[i]));
  }
  if (names.empty()) return;
  warn_at_user(fmt::format("gradient: y depends on {} by no path that derivatives pass, so {} zero",
                           fmt::join(names, ", "), names.size() == 1 ? "its derivative is" : "their derivatives are"));
}

}  // namespace

Targets::Targets(std::initializer_list<Arg> targets) {
  for (const Arg& target : targets) tensors_.push_back(target.tensor());
}

Targets::Targets(const std::vector<Variable>& variables, std::source_location where) {
  for (const Variable& variable : variables) tensors_.emplace_back(variable, where);
}

std::vector<Tensor> gradients(const Arg& y, const Targets& targets) {
  const Scope scope(y.where());
  Trace& trace = Trace::required("gradient");
  if (targets.tensors().empty()) {
    fail_at_user(
        "gradient: there are no variables to derive by; a module has those that it was told of by register_module and "
        "register_variable, and a layer those that it made when it was first called");
  }
  std::vector<Tensor> operands{y};
  operands.insert(operands.end(), targets.tensors().begin(), targets.tensors().end());
  std::vector<Tensor> derivatives = trace.add_node(ir::Op::kGradient, operands);
  warn_of_zeros(trace, y, targets.tensors());
  return derivatives;
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
