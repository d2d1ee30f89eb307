#pragma once

#include <cstdint>
#include <limits>
#include <vector>

#include "sluice/array.h"
#include "sluice/history.h"
#include "sluice/mean.h"

namespace sluice {

/// How far a training has come: with the values of all variables, what it needs to go on to the same last bit.
struct TrainingState {
  std::int64_t epoch = 0;
  std::int64_t step = 0;    ///< steps done in this epoch
  std::vector<Mean> means;  ///< of the epoch so far, one for each name of the history
  double seconds = 0;       ///< that the epoch has taken so far
  /// The optimizer's when the training began; NaN if a schedule sets it, or if it is not known.
  double learning_rate = std::numeric_limits<double>::quiet_NaN();
  History history;

  // Early stopping.
  std::int64_t waited = 0;  ///< epochs since the best one
  double best = std::numeric_limits<double>::quiet_NaN();
  std::vector<Array> best_variables;  ///< the model's, in that epoch
};

}  // namespace sluice
