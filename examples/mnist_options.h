#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

/// Describes mnist_mlp and mnist_trainer.
constexpr const char* kMlpDescription =
    "Trains a perceptron 784-700-500-10 on handwritten digits, as TensorFlow's guide mlp_core does.";

/// The command-line options of mnist_mlp, which the other programs on MNIST share.
struct MnistOptions {
  int epochs = 10;
  std::int64_t batch = 128;
  std::uint32_t seed = 1;
  std::optional<std::filesystem::path> data;
  std::optional<std::filesystem::path> save;  ///< where to save the trained model
  bool dump_only = false;                     ///< --dump-ir: print the graphs to stdout and do nothing else
  bool quiet = false;
  bool hash = false;
};

/// Reads the command line and configures the whole process: engine, threads, dumps. Ends the process, as usual, after
/// --help and after an unknown option. Throws sluice::Error for an invalid stage or folder.
MnistOptions parse_mnist_options(int argc, char** argv);
