#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "sluice/history.h"

namespace sluice {

/// The progress of training after a step. Its spans are valid during the call.
struct StepReport {
  std::int64_t epoch = 0;   ///< from 0
  std::int64_t epochs = 0;  ///< of the whole run
  std::int64_t step = 0;    ///< steps completed in this epoch
  std::int64_t steps = 0;   ///< per epoch
  std::span<const std::string> names;
  std::span<const double> values;  ///< of this batch, one for each name
  std::span<const double> means;   ///< of the epoch so far
  double learning_rate = 0;        ///< of this step
  double seconds = 0;              ///< of the epoch so far
  double examples_per_second = 0;  ///< of the epoch so far

  /// Returns the steps completed since training began.
  std::int64_t total_steps() const { return epoch * steps + step; }
};

/// Hooks of a training run; empty ones are not called. They may change variables, call Trainer::stop, or throw, which
/// ends the training with that exception.
struct Callback {
  std::function<void(const StepReport&)> on_step = {};
  std::function<void(const History&)> on_epoch = {};  ///< after validation, with the new record as the last
  std::function<void(const History&)> on_end = {};    ///< with the reason for the end
};

}  // namespace sluice
