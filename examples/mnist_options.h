#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

/// What the command line of mnist_mlp says.
struct MnistOptions {
  int epochs = 10;
  std::int64_t batch = 128;
  std::uint32_t seed = 1;
  std::optional<std::filesystem::path> data;
  std::optional<std::filesystem::path> save;  ///< where the trained model goes
  bool dump_only = false;                     ///< --dump-ir: the graphs go to stdout, and nothing else happens
  bool quiet = false;
  bool hash = false;
};

/// Reads the command line and sets what concerns the whole process: engine, threads, dumps. Ends the process, as is
/// usual, after --help and after an option that is not known. Throws sluice::Error for a bad stage or folder.
MnistOptions parse_mnist_options(int argc, char** argv);
