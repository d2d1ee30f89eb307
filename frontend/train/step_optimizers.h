#pragma once

#include <memory>
#include <optional>
#include <source_location>
#include <utility>
#include <vector>

#include "sluice/gradient_accumulation.h"
#include "sluice/moving_average.h"
#include "sluice/multi_optimizer.h"
#include "sluice/trainer.h"

// Optimizers that implement a Trainer's options. Each wraps another optimizer, so checkpoints hold the variables of
// both. From the innermost: rates, clipping, averages, accumulation.
namespace sluice::detail {

/// Updates the variables that a multiplier's filter selects by a clone of the optimizer, whose rate follows that of the
/// optimizer itself.
class MultipliedRates : public Optimizer {
 public:
  MultipliedRates(const AnyOptimizer& optimizer, VariableList model, std::vector<RateMultiplier> multipliers);

 private:
  void update(const std::vector<Tensor>& gradients, const std::vector<Variable>& variables) const override;

  AnyOptimizer optimizer_;
  std::vector<AnyOptimizer> clones_;  ///< one for each multiplier
  VariableList model_;
  std::vector<RateMultiplier> multipliers_;
};

class ClippedGradientsOf : public Optimizer {
 public:
  ClippedGradientsOf(std::shared_ptr<const Optimizer> optimizer, const TrainerOptions& options);

 private:
  void update(const std::vector<Tensor>& gradients, const std::vector<Variable>& variables) const override;

  std::shared_ptr<const Optimizer> optimizer_;
  std::optional<double> norm_, each_norm_, value_;
};

/// Moves averages of all variables of the model after each update.
class AveragingOptimizer : public Optimizer {
 public:
  AveragingOptimizer(std::shared_ptr<const Optimizer> optimizer, VariableList model, double decay,
                     const std::source_location& where);

  const ExponentialMovingAverage& averages() const { return averages_; }

 private:
  void update(const std::vector<Tensor>& gradients, const std::vector<Variable>& variables) const override;

  std::shared_ptr<const Optimizer> optimizer_;
  VariableList model_;
  ExponentialMovingAverage averages_;
};

/// Accumulates the gradients of windows whose length the training loop sets: the last one of an epoch may be shorter.
class TrainerAccumulation : public Accumulation {
 public:
  TrainerAccumulation(std::shared_ptr<const Optimizer> optimizer, std::int64_t steps,
                      const std::source_location& where);

  /// Outside functions: sets the number of micro-batches of this window.
  void set_window(std::int64_t micro_batches) const;
  using Accumulation::drop_window;

 private:
  const Optimizer& optimizer() const override { return *optimizer_; }
  Tensor ends_window() const override { return micro_batches() >= window_; }

  std::shared_ptr<const Optimizer> optimizer_;
  Variable window_;
};

}  // namespace sluice::detail
