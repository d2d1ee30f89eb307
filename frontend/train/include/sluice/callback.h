#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "sluice/history.h"

namespace sluice {

/// How far a training is after a step. Its spans are good during the call.
struct StepReport {
  std::int64_t epoch = 0;   ///< from 0
  std::int64_t epochs = 0;  ///< of the whole training
  std::int64_t step = 0;    ///< steps done in this epoch
  std::int64_t steps = 0;   ///< of an epoch
  std::span<const std::string> names;
  std::span<const double> values;  ///< of this batch, one for each name
  std::span<const double> means;   ///< of the epoch so far
  double learning_rate = 0;        ///< of this step
  double seconds = 0;              ///< of the epoch so far
  double examples_per_second = 0;  ///< of the epoch so far

  /// Steps done since the training began.
  std::int64_t total_steps() const { return epoch * steps + step; }
};

/// Hooks of a training; what is empty is not called. One may change variables, call Trainer::stop, or throw: then the
/// training ends with that exception.
struct Callback {
  std::function<void(const StepReport&)> on_step = {};
  std::function<void(const History&)> on_epoch = {};  ///< after validation, with the new record as the last
  std::function<void(const History&)> on_end = {};    ///< with the reason why it ended
};

}  // namespace sluice
