#include "sluice/trainer.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>

#include "frontend/train/step_optimizers.h"
#include "ir/counted.h"
#include "sluice/detail/trace.h"
#include "sluice/elementwise.h"
#include "sluice/error.h"
#include "sluice/gradients.h"
#include "sluice/mean.h"
#include "sluice/shape_ops.h"

namespace sluice {

namespace {

void check(const Objective& objective) {
  const auto check_scalar = [](std::string_view name, const Tensor& value) {
    if (value.rank() == 0 && is_float(value.dtype())) return;
    fail_at_user(fmt::format("trainer: \"{}\" is {}, expected a float scalar", name, to_string(value.type())),
                 {&value, 1});
  };
  check_scalar("loss", objective.loss);
  std::vector<std::string> names{"loss"};
  for (const auto& [name, value] : objective.metrics) {
    if (std::ranges::count(names, name) > 0) fail_at_user(fmt::format("trainer: two metrics are called \"{}\"", name));
    names.push_back(name);
    check_scalar(name, value);
  }
}

/// The optimizer must have assigned at least one of the variables that the loss depends on, and should have assigned
/// all but those that are frozen.
void check_updates(const Tensor& loss, const std::vector<Variable>& of_model, const std::vector<Variable>& frozen) {
  const Trace& trace = Trace::required("trainer");
  const auto assigned = [&](const Variable& variable) { return trace.assigned(variable.storage()); };
  if (std::ranges::none_of(of_model, assigned)) fail_at_user("trainer: the optimizer assigns no variable of the model");
  std::vector<std::string> left = trace.forgotten(loss);
  for (const Variable& variable : frozen) std::erase(left, fmt::format("\"{}\"", variable.name()));
  if (left.empty()) return;
  warn_at_user(fmt::format(
      "trainer: the loss depends on {}, which {} not trained: not registered by the model (register_module, "
      "register_variable), or left out by the optimizer; use stop_gradient if that is intended",
      fmt::join(left, ", "), left.size() == 1 ? "is" : "are"));
}

/// Returns the arguments of a step: the inputs, then the targets.
std::vector<detail::HostArgument> arguments_of(const Batch& b) {
  std::vector<detail::HostArgument> arguments;
  // Created here, so that their lines are Sluice's own.
  for (const Array& input : b.inputs) arguments.push_back(detail::HostArgument(input));
  for (const Array& target : b.targets) arguments.push_back(detail::HostArgument(target));
  return arguments;
}

}  // namespace

Trainer::Trainer(VariableList model, const AnyOptimizer& optimizer, std::vector<TensorSpec> batch_spec,
                 std::size_t tensors, ObjectiveFunction objective, TrainerOptions options,
                 const std::source_location& where)
    : model_(std::move(model)),
      tensors_(tensors),
      objective_(std::move(objective)),
      options_(std::move(options)),
      where_(where) {
  const auto traced = [&](std::string name, Mode mode) {
    return std::make_unique<detail::FunctionCore>(
        std::move(name), batch_spec, tensors_,
        [this, mode](std::span<const Tensor> arguments) { return trace(arguments, mode); }, where_);
  };
  train_step_ = traced("train_step", Mode::kTrain);
  evaluate_ = traced("evaluate", Mode::kEvaluate);
  const Scope scope(where_);
  check_options();
  add_options(optimizer);
  if (!options_.check_numerics) return;
  train_step_->check_numerics();
  evaluate_->check_numerics();
}

Trainer::~Trainer() = default;

void Trainer::check_options() const {
  int ways = 0;
  const auto check_positive = [&](std::string_view name, const std::optional<double>& value) {
    if (!value) return;
    ++ways;
    if (*value > 0) return;
    fail_at_user(fmt::format("trainer: expected a {} above 0, got {}", name, *value));
  };
  check_positive("clip_norm", options_.clip_norm);
  check_positive("clip_each_norm", options_.clip_each_norm);
  check_positive("clip_value", options_.clip_value);
  if (ways > 1) fail_at_user("trainer: expected one of clip_norm, clip_each_norm and clip_value, got several");
  if (options_.accumulate < 1) {
    fail_at_user(fmt::format("trainer: expected to accumulate at least 1 batch, got {}", options_.accumulate));
  }
  for (const RateMultiplier& multiplier : options_.rate_multipliers) {
    if (multiplier.factor > 0 && std::isfinite(multiplier.factor)) continue;
    fail_at_user(
        fmt::format("trainer: expected finite rate_multipliers above 0, got {}; freeze stops the training of "
                    "variables",
                    multiplier.factor));
  }
}

void Trainer::add_options(const AnyOptimizer& optimizer) {
  // A copy, which shares the optimizer's variables and lives as long as the trainer.
  const auto own = std::make_shared<const AnyOptimizer>(optimizer);
  optimizer_ = std::shared_ptr<const Optimizer>(own, &**own);
  if (options_.accumulate > 1 && dynamic_cast<const detail::Accumulation*>(optimizer_.get()) != nullptr) {
    fail_at_user("trainer: the optimizer accumulates gradients itself; expected accumulate = 1 with it");
  }
  if (!options_.rate_multipliers.empty()) {
    optimizer_ = std::make_shared<const detail::MultipliedRates>(optimizer, model_, options_.rate_multipliers);
  }
  if (options_.clip_norm || options_.clip_each_norm || options_.clip_value) {
    optimizer_ = std::make_shared<const detail::ClippedGradientsOf>(optimizer_, options_);
  }
  if (options_.ema_decay) {
    averaging_ = std::make_shared<const detail::AveragingOptimizer>(optimizer_, model_, *options_.ema_decay, where_);
    optimizer_ = averaging_;
  }
  if (options_.accumulate > 1) {
    accumulation_ = std::make_shared<const detail::TrainerAccumulation>(optimizer_, options_.accumulate, where_);
    optimizer_ = accumulation_;
  }
}

std::vector<Tensor> Trainer::trace(std::span<const Tensor> tensors, Mode mode) {
  const Scope scope(where_);
  const Objective objective = objective_(tensors, mode);
  check(objective);
  names_ = {"loss"};
  std::vector<Tensor> results{objective.loss};
  for (const auto& [name, value] : objective.metrics) {
    names_.push_back(name);
    results.push_back(value);
  }
  if (mode == Mode::kEvaluate) return results;

  std::vector<Variable> variables = model_.trainable();
  if (variables.empty()) fail_at_user("trainer: the model has no trainable variables");
  const std::vector<Variable> frozen = options_.freeze.select("trainer: freeze", model_);
  std::erase_if(variables, [&](const Variable& variable) {
    return std::ranges::any_of(frozen, [&](const Variable& other) { return other.is(variable); });
  });
  if (variables.empty()) fail_at_user("trainer: freeze leaves no trainable variables");
  if (accumulation_ == nullptr) {
    optimizer_->apply(gradients(objective.loss, variables), variables);
  } else {
    const Tensor examples = size_of(tensors[0], 0);
    accumulation_->minimize(objective.loss * cast(examples, objective.loss.dtype()), variables, examples);
  }
  check_updates(objective.loss, variables, frozen);
  trained_ = std::move(variables);
  return results;
}

const ExponentialMovingAverage* Trainer::averages() const {
  const bool used = averaging_ != nullptr && fitting_ && averaging_->averages().updated(model_);
  return used ? &averaging_->averages() : nullptr;
}

void Trainer::compile() const {
  train_step_->compile();
  evaluate_->compile();
}

std::vector<Array> Trainer::call(detail::FunctionCore& function, const Batch& b) {
  std::vector<detail::HostArgument> arguments = arguments_of(b);
  const detail::FunctionCore::Call call = function.call(arguments);
  return {call.results.begin(), call.results.end()};
}

std::optional<std::vector<double>> Trainer::means_of(Batches batches, const std::function<bool()>& interrupted) const {
  std::optional<ExponentialMovingAverage::SwappedIn> swapped;
  if (const ExponentialMovingAverage* const used = averages()) swapped.emplace(used->swap_in(model_));
  std::vector<Mean> means(names_.size());
  for (const Batch& b : batches) {
    const std::vector<Array> values = call(*evaluate_, b);
    for (std::size_t i = 0; i < means.size(); ++i) means[i].add(values[i], b.size());
    if (interrupted()) return std::nullopt;
  }
  std::vector<double> results;
  for (const Mean& mean : means) results.push_back(mean.result());
  return results;
}

/// Batches of a data set are views, so all are checked; those of a pipeline cost as much as an epoch, so only the first
/// and the last are, which may be smaller.
void Trainer::check_batches(detail::FunctionCore& function, std::string_view what, const Pipeline& examples,
                            std::int64_t batch_size) const {
  const Batches batches = examples.batches(batch_size);
  if (examples.dataset() != nullptr) {
    for (const Batch& b : batches.skip(0)) check_batch(function, what, b);
    return;
  }
  for (const std::int64_t first : {std::int64_t{0}, std::max<std::int64_t>(batches.size() - 1, 1)}) {
    for (const Batch& b : batches.skip(first)) {
      check_batch(function, what, b);
      break;
    }
  }
}

void Trainer::check_batch(detail::FunctionCore& function, std::string_view what, const Batch& b) const {
  if (b.inputs.size() + b.targets.size() != tensors_) {
    fail_at_user(fmt::format("{}: expected {} arrays for what the objective takes, got {} and {}", what, tensors_,
                             counted(static_cast<std::int64_t>(b.inputs.size()), "input"),
                             counted(static_cast<std::int64_t>(b.targets.size()), "target")));
  }
  try {
    std::vector<detail::HostArgument> arguments = arguments_of(b);
    function.check(arguments);
  } catch (const Error& error) {
    throw Error(fmt::format("{}: {}", what, error.message()), error.location());
  }
}

std::map<std::string, double> Trainer::evaluate(const Pipeline& examples, std::int64_t batch_size,
                                                std::source_location where) const {
  const Scope scope(where);
  if (examples.size() == 0) fail("evaluate: there are no examples");
  evaluate_->compile();
  check_batches(*evaluate_, "the examples", examples, batch_size);
  const auto means = means_of(examples.batches(batch_size), [] { return false; });
  std::map<std::string, double> results;
  for (std::size_t i = 0; i < names_.size(); ++i) results[names_[i]] = (*means)[i];
  return results;
}

}  // namespace sluice
