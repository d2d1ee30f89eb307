#include "frontend/train/step_optimizers.h"

#include <fmt/format.h>

#include <algorithm>

#include "sluice/detail/trace.h"
#include "sluice/elementwise.h"
#include "sluice/gradients.h"

namespace sluice::detail {

namespace {

AnyOptimizer cloned(const AnyOptimizer& optimizer) {
  const Cloning cloning;
  return optimizer;
}

/// Returns the position of the multiplier of each variable; nothing for those without one.
std::vector<std::optional<std::size_t>> multipliers_of(const std::vector<Variable>& variables,
                                                       const VariableList& model,
                                                       const std::vector<RateMultiplier>& multipliers) {
  std::vector<std::optional<std::size_t>> found(variables.size());
  for (std::size_t m = 0; m < multipliers.size(); ++m) {
    for (const Variable& selected : multipliers[m].of.select("trainer: rate_multipliers", model)) {
      const auto at = std::ranges::find_if(variables, [&](const Variable& other) { return other.is(selected); });
      if (at == variables.end()) continue;  // it is not trained
      std::optional<std::size_t>& multiplier = found[static_cast<std::size_t>(at - variables.begin())];
      if (multiplier) {
        fail_at_user(fmt::format("trainer: rate_multipliers {} and {}, {} and {}, both select variable \"{}\"",
                                 *multiplier, m, multipliers[*multiplier].factor, multipliers[m].factor,
                                 selected.name()));
      }
      multiplier = m;
    }
  }
  return found;
}

}  // namespace

MultipliedRates::MultipliedRates(const AnyOptimizer& optimizer, VariableList model,
                                 std::vector<RateMultiplier> multipliers)
    : Optimizer("rates", optimizer->learning_rate()),
      optimizer_(optimizer),
      model_(std::move(model)),
      multipliers_(std::move(multipliers)) {
  register_module(*optimizer_);
  for (std::size_t i = 0; i < multipliers_.size(); ++i) {
    clones_.push_back(cloned(optimizer_));
    register_module(*clones_.back());
  }
}

void MultipliedRates::update(const std::vector<Tensor>& gradients, const std::vector<Variable>& variables) const {
  const auto multipliers = multipliers_of(variables, model_, multipliers_);
  const auto apply = [&](const Optimizer& optimizer, std::optional<std::size_t> multiplier) {
    std::vector<Tensor> some_gradients;
    std::vector<Variable> some_variables;
    for (std::size_t i = 0; i < variables.size(); ++i) {
      if (multipliers[i] != multiplier) continue;
      some_gradients.push_back(gradients[i]);
      some_variables.push_back(variables[i]);
    }
    if (!some_variables.empty()) optimizer.apply(some_gradients, some_variables);
  };
  apply(*optimizer_, {});
  for (std::size_t i = 0; i < clones_.size(); ++i) {
    clones_[i]->learning_rate().assign(learning_rate() * multipliers_[i].factor);
    apply(*clones_[i], i);
  }
}

ClippedGradientsOf::ClippedGradientsOf(std::shared_ptr<const Optimizer> optimizer, const TrainerOptions& options)
    : Optimizer("clipped", optimizer->learning_rate()),
      optimizer_(std::move(optimizer)),
      norm_(options.clip_norm),
      each_norm_(options.clip_each_norm),
      value_(options.clip_value) {
  register_module(*optimizer_);
}

void ClippedGradientsOf::update(const std::vector<Tensor>& gradients, const std::vector<Variable>& variables) const {
  if (norm_) return optimizer_->apply(clip_by_global_norm(gradients, *norm_).gradients, variables);
  std::vector<Tensor> clipped;
  for (const Tensor& gradient : gradients) {
    clipped.push_back(value_ ? clip_by_value(gradient, -*value_, *value_) : clip_by_norm(gradient, *each_norm_));
    if (value_) Trace::required("clipped").note_touched_as(clipped.back(), gradient);
  }
  optimizer_->apply(clipped, variables);
}

AveragingOptimizer::AveragingOptimizer(std::shared_ptr<const Optimizer> optimizer, VariableList model, double decay,
                                       const std::source_location& where)
    : Optimizer("averaging", optimizer->learning_rate()),
      optimizer_(std::move(optimizer)),
      model_(std::move(model)),
      averages_(decay, where) {
  register_module(*optimizer_);
  register_module(averages_);
}

void AveragingOptimizer::update(const std::vector<Tensor>& gradients, const std::vector<Variable>& variables) const {
  optimizer_->apply(gradients, variables);
  averages_.update(model_);
}

TrainerAccumulation::TrainerAccumulation(std::shared_ptr<const Optimizer> optimizer, std::int64_t steps,
                                         const std::source_location& where)
    : Accumulation(*optimizer, steps, where),
      optimizer_(std::move(optimizer)),
      window_(lazy_variable("window", [&] { return Array::scalar(steps); },
                            {.trainable = false, .range = ir::Range{1, 2}})) {}

void TrainerAccumulation::set_window(std::int64_t micro_batches) const {
  if (window_.value().item<std::int64_t>() != micro_batches) window_.assign(Array::scalar(micro_batches));
}

}  // namespace sluice::detail
