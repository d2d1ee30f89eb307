#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sluice {

/// What an epoch of training gave. The values are means over its examples, one for each of History::names.
struct EpochRecord {
  std::int64_t epoch = 0;  ///< from 0
  std::vector<double> training = {};
  std::vector<double> validation = {};  ///< empty where there was nothing to validate with
  double learning_rate = 0;             ///< of its last step
  double seconds = 0;                   ///< with validation
  double examples_per_second = 0;       ///< while it trained
};

/// Why a training ended.
enum class Ending : std::uint8_t {
  kAllEpochs,    ///< it came to its end
  kEarly,        ///< early stopping: it did not get better any more
  kStopped,      ///< a callback wanted it
  kInterrupted,  ///< Ctrl-C, SIGTERM or SIGHUP
  /// Variables of the model were no finite numbers any more, which no more steps would have mended: it was seen by the
  /// loss of an epoch, or before a checkpoint. They are so still unless early stopping has brought back its best ones.
  kNotFinite,
};

/// The course of a training, as plain data.
struct History {
  std::vector<std::string> names = {};  ///< "loss", then the model's metrics
  std::vector<EpochRecord> epochs = {};
  Ending ending = Ending::kAllEpochs;
};

}  // namespace sluice
