#pragma once

#include <atomic>
#include <concepts>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <source_location>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "sluice/callback.h"
#include "sluice/checkpoint.h"
#include "sluice/dataset.h"
#include "sluice/detail/function_core.h"
#include "sluice/function.h"
#include "sluice/history.h"
#include "sluice/module.h"
#include "sluice/moving_average.h"
#include "sluice/multi_optimizer.h"
#include "sluice/nn.h"
#include "sluice/optimizers.h"
#include "sluice/pipeline.h"
#include "sluice/schedule.h"
#include "sluice/variable_filter.h"

namespace sluice {

/// The objective of a batch: the loss to minimize, and other metrics. All are float scalars and means over the batch,
/// because epochs average them over their examples.
struct Objective {
  Tensor loss;
  std::vector<std::pair<std::string, Tensor>> metrics = {};
};

/// A learning rate for some of the variables: `factor` times the optimizer's, above 0.
struct RateMultiplier {
  VariableFilter of;
  double factor = 1;
};

struct TrainerOptions {
  // Gradients are clipped in one of three ways. With `accumulate`, these are the gradients of a whole update.
  /// They are scaled down so that their global norm is at most this.
  std::optional<double> clip_norm = {};
  /// Each is scaled down so that its own norm is at most this.
  std::optional<double> clip_each_norm = {};
  /// Their elements are limited to -clip_value and clip_value.
  std::optional<double> clip_value = {};
  /// Batches for each update, which takes the gradient of the mean loss over all their examples: the same result as one
  /// large batch, unless a layer depends on the batch, as batch normalization does. The last update of an epoch has the
  /// batches that are left. Schedules count updates, callbacks and checkpoints count batches.
  std::int64_t accumulate = 1;
  /// The decay of exponential moving averages of all variables of the model, as in ExponentialMovingAverage. Evaluation
  /// uses the averages, during fit(), which at its end sets the variables to them. Early stopping keeps those of the
  /// best epoch. Callbacks see the variables as they are trained.
  std::optional<double> ema_decay = {};
  /// Variables of the model that are not trained, by their names in VariableList::named(); their own trainable() does
  /// not change.
  VariableFilter freeze = {};
  /// Learning rates by name. A clone of the optimizer updates the variables of each filter; filters may not overlap.
  std::vector<RateMultiplier> rate_multipliers = {};
  /// A step that produces a NaN or an infinity throws Error, naming the line of the op, and leaves all variables
  /// unchanged (runtime/execution/numerics.h); so does an evaluation.
  bool check_numerics = false;
};

/// Ends training when it stops improving.
struct EarlyStopping {
  std::string metric = "loss";    ///< of the validation, or of training if there is none
  bool higher_is_better = false;  ///< as for an accuracy
  int patience = 3;               ///< epochs without improvement before training ends
  double min_delta = 0;           ///< the least improvement that counts
  bool restore_best = true;       ///< finally give the model the variables of its best epoch
};

struct FitOptions {
  std::int64_t epochs = 1;
  std::int64_t batch = 32;
  Pipeline validation = {};  ///< a data set or a pipeline, evaluated after each epoch; empty: nothing
  /// For the order of the examples and the random numbers of a pipeline's functions, both of which change in each
  /// epoch: epoch e is the pass shuffled((seed << 32) + e).
  std::uint32_t seed = 0;
  Schedule schedule = {};  ///< of the learning rate; empty: the optimizer's variable
  std::optional<EarlyStopping> early_stopping = {};
  std::vector<Callback> callbacks = {};
  CheckpointOptions checkpoint = {};
  /// Ctrl-C, SIGTERM or SIGHUP ends training after the current step, with a checkpoint; another one ends the process at
  /// once.
  bool stop_on_interrupt = false;
  /// Batches to prepare ahead, of the examples and the validation, on so many threads of their own (Batches::prefetch).
  std::int64_t prefetch = 0;
  int prefetch_threads = 1;
};

namespace detail {
class AveragingOptimizer;
class TrainerAccumulation;

/// Returns whether F accepts a tensor for each index, with or without a Mode after them.
template <typename F, std::size_t... I>
constexpr bool is_objective_of(std::index_sequence<I...>) {
  return std::is_invocable_v<F&, TensorAt<I>..., Mode> || std::is_invocable_v<F&, TensorAt<I>...>;
}
/// Returns how many tensors an objective takes: the smallest number that it accepts, at least an input and a target.
template <typename F, std::size_t N = 2>
constexpr std::size_t tensors_of_objective() {
  static_assert(
      N <= 16 || kMayBeBroken<F>,
      "an objective takes the inputs and then the targets of a batch, each a Tensor, and may take a Mode after them");
  if constexpr (N > 16 || is_objective_of<F>(std::make_index_sequence<N>())) {
    return N;
  } else {
    return tensors_of_objective<F, N + 1>();
  }
}
}  // namespace detail

/// Trains a model without a hand-written loop:
class Trainer {
 public:
  /// `model`: a module, or several modules and variables in braces; the trainable ones are trained. `batch_spec`
  /// describes a batch's inputs, and then its targets. `objective` is called with one tensor for each, while tracing;
  /// it may take a Mode after them, for layers like dropout. Model and optimizer are shared, not copied. Throws Error
  /// unless there are as many specs as tensors that `objective` takes.
  template <std::derived_from<Optimizer> Method, typename F>
  Trainer(const VariableList& model, const Method& optimizer, std::vector<TensorSpec> batch_spec, F objective,
          TrainerOptions options = {}, std::source_location where = std::source_location::current())
      : Trainer(model, AnyOptimizer(optimizer), std::move(batch_spec), detail::tensors_of_objective<F>(),
                on_tensors(std::move(objective)), std::move(options), where) {}
  ~Trainer();
  Trainer(const Trainer&) = delete;
  Trainer& operator=(const Trainer&) = delete;

  /// Traces and compiles both functions, "train_step" and "evaluate", now instead of in fit().
  void compile() const;
  /// Returns the graph of a step as traced. Throws Error before tracing.
  const ir::Graph& step_graph() const { return train_step_->graph(); }

  /// Iterates over the examples, a data set or a pipeline, `options.epochs` times, including the epochs before a
  /// resume. Throws Error if there are no examples, before the first step if they or the validation data do not fit (of
  /// a pipeline, the first and the last batch are computed to see that), for invalid options, and if a checkpoint
  /// cannot be written or read; exceptions of callbacks propagate. An Error of a pipeline's function ends the training
  /// with a checkpoint of the steps before it.
  History fit(const Pipeline& examples, const FitOptions& options = {},
              std::source_location where = std::source_location::current());

  /// Returns the means of the objective over the examples, by name: "loss" and the metrics. Throws Error if they do not
  /// fit.
  std::map<std::string, double> evaluate(const Pipeline& examples, std::int64_t batch_size = 1024,
                                         std::source_location where = std::source_location::current()) const;

  /// Ends fit() after the current step. May be called by callbacks and from other threads.
  void stop() { stop_ = true; }

  const VariableList& model() const { return model_; }

 private:
  friend class Fit;

  using ObjectiveFunction = std::function<Objective(std::span<const Tensor> tensors, Mode mode)>;

  template <typename F>
  static ObjectiveFunction on_tensors(F objective) {
    if constexpr (detail::tensors_of_objective<F>() > 16) {
      detail::refuse_function();
      return {};
    } else {
      return on_tensors(std::move(objective), std::make_index_sequence<detail::tensors_of_objective<F>()>());
    }
  }
  template <typename F, std::size_t... I>
  static ObjectiveFunction on_tensors(F objective, std::index_sequence<I...>) {
    return [body = std::move(objective)](std::span<const Tensor> tensors,
                                         [[maybe_unused]] Mode mode) mutable -> Objective {
      if constexpr (std::is_invocable_v<F&, detail::TensorAt<I>..., Mode>) {
        return body(tensors[I]..., mode);
      } else {
        return body(tensors[I]...);
      }
    };
  }

  void check_options() const;
  /// Adds to the optimizer what the options ask for.
  void add_options(const AnyOptimizer& optimizer);

  Trainer(VariableList model, const AnyOptimizer& optimizer, std::vector<TensorSpec> batch_spec, std::size_t tensors,
          ObjectiveFunction objective, TrainerOptions options, const std::source_location& where);

  /// Throws Error if a batch of `examples`, which messages call `what`, cannot be the arguments of `function`.
  void check_batches(detail::FunctionCore& function, std::string_view what, const Pipeline& examples,
                     std::int64_t batch_size) const;
  void check_batch(detail::FunctionCore& function, std::string_view what, const Batch& b) const;
  std::vector<Tensor> trace(std::span<const Tensor> tensors, Mode mode);
  /// Returns the averages that stand for the model in a run of fit(), or null.
  const ExponentialMovingAverage* averages() const;
  static std::vector<Array> call(detail::FunctionCore& function, const Batch& b);
  /// Returns the means of the objective, in the order of names_; nothing if `interrupted` returns true after a batch.
  std::optional<std::vector<double>> means_of(Batches batches, const std::function<bool()>& interrupted) const;

  VariableList model_;
  std::shared_ptr<const Optimizer> optimizer_;                       ///< with what the options add to it
  std::shared_ptr<const detail::AveragingOptimizer> averaging_;      ///< a part of it; may be null
  std::shared_ptr<const detail::TrainerAccumulation> accumulation_;  ///< the same
  std::vector<Variable> trained_;                                    ///< from the first trace on
  bool fitting_ = false;
  std::size_t tensors_;  ///< that the objective takes
  ObjectiveFunction objective_;
  TrainerOptions options_;
  std::source_location where_;
  std::vector<std::string> names_;  ///< "loss" and the metrics, from the first trace on
  std::unique_ptr<detail::FunctionCore> train_step_;
  std::unique_ptr<detail::FunctionCore> evaluate_;
  std::atomic<bool> stop_ = false;
};

}  // namespace sluice
