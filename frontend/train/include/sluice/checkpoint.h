#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "sluice/detail/training_state.h"
#include "sluice/variable.h"

namespace sluice {

/// When a training writes down all that it needs to go on later, to the same last bit.
struct CheckpointOptions {
  std::filesystem::path folder = {};  ///< of one training alone; made if it is not there. Empty: no checkpoints
  std::int64_t every_steps = 0;       ///< 0: only between epochs
  std::int64_t every_epochs = 1;
  bool resume = false;  ///< goes on from the checkpoint in the folder, if there is one
};

/// The checkpoint in a folder: a safetensors file, of which each new one takes the place when it is complete and on the
/// disk.
std::filesystem::path checkpoint_file(const std::filesystem::path& folder);

namespace detail {

/// A variable and its name in checkpoints, which says its place in the model, the optimizer or the random state: names
/// of variables depend on what else the process has made.
struct CheckpointVariable {
  std::string key;  ///< "model/0/w"
  Variable variable;
};

struct Checkpoint {
  std::vector<CheckpointVariable> variables;
  // What a training that goes on must have in common with the one before.
  std::int64_t batch = 0;
  std::uint32_t seed = 0;
  std::int64_t examples = 0;
  std::string watched;  ///< by early stopping; empty: nothing
};

/// "GROUP/0/w", "GROUP/1/b", ... for "dense_4/w", "dense_4/b", ...
std::vector<CheckpointVariable> checkpoint_variables(std::string_view group, const std::vector<Variable>& variables);

/// Throws Error if the file cannot be written; then the old one is as it was.
void write_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint, const TrainingState& state);

/// Sets the variables and `state`, whose history knows its names. Throws Error that names the file if it is no
/// checkpoint, damaged, or of another model, data set or training; then nothing has changed.
void read_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint, TrainingState& state);

/// Makes the folder and removes what killed processes have left behind. Throws Error.
void prepare_folder(const std::filesystem::path& folder);

}  // namespace detail

}  // namespace sluice
