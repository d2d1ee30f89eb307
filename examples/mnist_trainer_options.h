#pragma once

#include <sluice/checkpoint.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include "mnist_options.h"

/// The command-line options of mnist_trainer and mnist_cnn.
struct MnistTrainerOptions : MnistOptions {
  double learning_rate = 1e-3;
  std::string schedule = "constant";
  std::int64_t warm_up = 0;  ///< steps
  std::optional<double> clip_norm;
  std::optional<int> patience;  ///< epochs; none: no early stopping
  sluice::CheckpointOptions checkpoint;
  std::filesystem::path tensorboard;  ///< empty: no event files
  bool check_numerics = false;
  bool json = false;
  bool look = false;  ///< print data and results as pictures and tables
  std::optional<std::filesystem::path> report;
};

/// See parse_mnist_options. `defaults` has the rate and the schedule of who names none.
MnistTrainerOptions parse_mnist_trainer_options(int argc, char** argv, const std::string& program,
                                                const std::string& description, MnistTrainerOptions defaults = {});
