#include "sluice/gradients.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cmath>

#include "frontend/touched_rows.h"
#include "sluice/detail/trace.h"
#include "sluice/elementwise.h"
#include "sluice/reduce.h"
#include "sluice/shape_ops.h"

namespace sluice {

namespace {

void warn_of_zeros(const Trace& trace, const Tensor& y, const std::vector<Tensor>& targets) {
  const std::vector<bool> reached = trace.depends(y, targets);
  std::vector<std::string> names;
  for (std::size_t i = 0; i < targets.size(); ++i) {
    if (!reached[i]) names.push_back(trace.describe(targets[i]));
  }
  if (names.empty()) return;
  warn_at_user(fmt::format("gradient: y does not depend on {} along a path that derivatives pass, so {} zero",
                           fmt::join(names, ", "), names.size() == 1 ? "its derivative is" : "their derivatives are"));
}

/// Returns the tensors whose derivatives add up to that with respect to `target`: for a variable, those of its reads
/// that y depends on, or its current value if there are none.
std::vector<Tensor> reads_of(Trace& trace, const Tensor& y, const Target& target) {
  if (const Tensor* const tensor = std::get_if<Tensor>(&target)) return {*tensor};
  const auto& variable = std::get<Variable>(target).storage();
  std::vector<Tensor> reads = trace.reads(variable);
  const std::vector<bool> reached = trace.depends(y, reads);
  std::size_t i = 0;
  std::erase_if(reads, [&](const Tensor&) { return !reached[i++]; });
  if (reads.empty()) return {trace.read(variable)};
  return reads;
}

}  // namespace

Targets::Targets(std::initializer_list<Targets> targets) {
  for (const Targets& each : targets) parts_.insert(parts_.end(), each.parts_.begin(), each.parts_.end());
}

std::vector<Target> Targets::list() const {
  std::vector<Target> targets;
  for (const auto& part : parts_) {
    if (const Tensor* const tensor = std::get_if<Tensor>(&part)) {
      targets.emplace_back(*tensor);
      continue;
    }
    for (const Variable& variable : std::get<VariableList>(part).targets()) targets.emplace_back(variable);
  }
  return targets;
}

std::vector<Tensor> gradients(const Arg& y, const Targets& wanted) {
  const Scope scope(y.where());
  Trace& trace = Trace::required("gradient");
  const std::vector<Target> targets = wanted.list();
  if (targets.empty()) {
    fail_at_user(
        "gradient: there are no variables to differentiate with respect to; a module has those registered with "
        "register_module and register_variable, and a layer creates its own on its first call");
  }
  // One node for the reads of all targets; a variable that was assigned has several. Of a table that is only looked up,
  // the derivatives with respect to the rows that were found are enough.
  std::vector<Tensor> operands{y};
  std::vector<std::size_t> ends;
  std::vector<std::vector<Lookup>> lookups;
  for (const Target& target : targets) {
    const std::vector<Tensor> reads = reads_of(trace, y, target);
    auto found = std::holds_alternative<Variable>(target) ? trace.lookups(y, reads) : std::nullopt;
    lookups.push_back(found ? *std::move(found) : std::vector<Lookup>());
    if (lookups.back().empty()) operands.insert(operands.end(), reads.begin(), reads.end());
    for (const Lookup& lookup : lookups.back()) operands.push_back(lookup.rows);
    ends.push_back(operands.size() - 1);
  }
  const std::vector<Tensor> derivatives = trace.add_node(ir::Op::kGradient, operands);
  warn_of_zeros(trace, y, {operands.begin() + 1, operands.end()});
  std::vector<Tensor> sums;
  for (std::size_t i = 0; const std::size_t end : ends) {
    const std::span<const Tensor> parts(derivatives.data() + i, end - i);
    i = end;
    const auto* const variable = std::get_if<Variable>(&targets[sums.size()]);
    const std::vector<Lookup>& looked_up = lookups[sums.size()];
    Tensor sum = looked_up.empty() ? parts[0] : detail::gradient_of_rows(variable->type(), looked_up, parts);
    for (std::size_t part = 1; looked_up.empty() && part < parts.size(); ++part) sum += parts[part];
    if (variable != nullptr) trace.note_derivative(sum, variable->storage());
    sums.push_back(std::move(sum));
  }
  return sums;
}

namespace {

/// The norm of all tensors, scaled by their largest magnitude: the squares of numbers near the limits of the dtype
/// would overflow or underflow.
struct ScaledNorm {
  Tensor scale;
  Tensor rest;  ///< the norm of the tensors divided by `scale`
};

ScaledNorm scaled_norm(std::string_view name, const std::vector<Tensor>& tensors) {
  if (tensors.empty()) fail_at_user(fmt::format("{}: expected at least one tensor", name));
  Tensor largest = full({}, 0, tensors[0].dtype());
  for (const Tensor& tensor : tensors) {
    if (tensor.shape().element_count() != Dim(0)) largest = maximum(largest, reduce_max(abs(tensor)));
  }
  // The norm and its derivatives are the same for every scale, so no derivative needs to pass here.
  const Tensor scale = stop_gradient(select(largest > 0, largest, 1));
  Tensor sum = reduce_sum(square(tensors[0] / scale));
  for (std::size_t i = 1; i < tensors.size(); ++i) sum = sum + reduce_sum(square(tensors[i] / scale));
  return {scale, sqrt(sum)};
}

}  // namespace

Tensor global_norm(const std::vector<Tensor>& tensors, std::source_location where) {
  const Scope scope(where);
  const ScaledNorm norm = scaled_norm("global_norm", tensors);
  return norm.scale * norm.rest;
}

namespace {

void check_clip_norm(std::string_view name, double clip_norm) {
  if (clip_norm > 0 && std::isfinite(clip_norm)) return;
  fail_at_user(fmt::format("{}: expected a norm above 0, got {}", name, clip_norm));
}

}  // namespace

ClippedGradients clip_by_global_norm(const std::vector<Tensor>& gradients, double clip_norm,
                                     std::source_location where) {
  const Scope scope(where);
  check_clip_norm("clip_by_global_norm", clip_norm);
  Trace& trace = Trace::required("clip_by_global_norm");
  const ScaledNorm norm = scaled_norm("clip_by_global_norm", gradients);
  const Tensor whole = norm.scale * norm.rest;
  const Tensor factor = clip_norm / norm.rest;
  std::vector<Tensor> clipped;
  for (const Tensor& gradient : gradients) {
    // This comparison is false for a NaN norm.
    clipped.push_back(select(whole <= clip_norm, gradient, gradient / norm.scale * factor));
    trace.note_derivative(clipped.back(), trace.derived_by(gradient));
    trace.note_touched_as(clipped.back(), gradient);
  }
  return {std::move(clipped), whole};
}

Tensor clip_by_norm(const Arg& x, double clip_norm, const Axes& axes) {
  const Scope scope(x.where());
  check_clip_norm("clip_by_norm", clip_norm);
  if (!is_float(x.dtype())) fail_at_user(fmt::format("clip_by_norm: expected floats, got {}", to_string(x.type())));
  Trace& trace = Trace::required("clip_by_norm");
  if (x.shape().element_count() == Dim(0)) return x;
  // As in scaled_norm.
  const Tensor largest = reduce_max(abs(x), axes, {.keepdims = true});
  const Tensor scale = stop_gradient(select(largest > 0, largest, 1));
  const Tensor scaled = x / scale;
  const Tensor rest = sqrt(reduce_sum(square(scaled), axes, {.keepdims = true}));
  const Tensor clipped = select(scale * rest <= clip_norm, x, scaled * (clip_norm / rest));
  trace.note_derivative(clipped, trace.derived_by(x));
  trace.note_touched_as(clipped, x);
  return clipped;
}

}  // namespace sluice
