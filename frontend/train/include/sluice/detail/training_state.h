#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "sluice/array.h"
#include "sluice/history.h"
#include "sluice/mean.h"

namespace sluice {

/// The progress of training: together with the values of all variables, everything needed to resume bit for bit.
struct TrainingState {
  std::int64_t epoch = 0;
  std::int64_t step = 0;    ///< steps completed in this epoch
  std::vector<Mean> means;  ///< of the epoch so far, one for each name of the history
  double seconds = 0;       ///< spent in the epoch so far
  /// The optimizer's learning rate at the start of training; NaN if a schedule sets it or if it is unknown.
  double learning_rate = std::numeric_limits<double>::quiet_NaN();
  History history;

  // State of early stopping.
  std::int64_t waited = 0;  ///< epochs since the best one
  double best = std::numeric_limits<double>::quiet_NaN();
  std::vector<Array> best_variables;  ///< of the model, in that epoch
};

}  // namespace sluice
