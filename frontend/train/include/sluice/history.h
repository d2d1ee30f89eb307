#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sluice {

/// The results of a training epoch. The values are means over its examples, one for each of History::names.
struct EpochRecord {
  std::int64_t epoch = 0;  ///< from 0
  std::vector<double> training = {};
  std::vector<double> validation = {};  ///< empty without validation data
  double learning_rate = 0;             ///< of its last step
  double seconds = 0;                   ///< including validation
  double examples_per_second = 0;       ///< while training
};

/// Why training ended.
enum class Ending : std::uint8_t {
  kAllEpochs,    ///< it completed
  kEarly,        ///< early stopping: it no longer improved
  kStopped,      ///< a callback requested it
  kInterrupted,  ///< Ctrl-C, SIGTERM or SIGHUP
  /// Variables of the model were no longer finite, which further steps would not repair. Detected by the loss of an
  /// epoch or before a checkpoint. They still are unless early stopping has restored the best ones.
  kNotFinite,
};

/// The record of a training run, as plain data.
struct History {
  std::vector<std::string> names = {};  ///< "loss", then the model's metrics
  std::vector<EpochRecord> epochs = {};
  Ending ending = Ending::kAllEpochs;
};

}  // namespace sluice
