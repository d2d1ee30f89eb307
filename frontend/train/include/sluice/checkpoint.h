#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "sluice/detail/training_state.h"
#include "sluice/variable.h"

namespace sluice {

/// When to save everything that training needs to resume later, bit for bit.
struct CheckpointOptions {
  std::filesystem::path folder = {};  ///< for a single run; created if necessary. Empty: no checkpoints
  std::int64_t every_steps = 0;       ///< 0: only between epochs
  std::int64_t every_epochs = 1;
  bool resume = false;  ///< continue from the checkpoint in the folder, if there is one
};

/// Returns the checkpoint file in a folder: a safetensors file, replaced by each new one once that is complete and on
/// disk.
std::filesystem::path checkpoint_file(const std::filesystem::path& folder);

namespace detail {

/// A variable and its key in checkpoints, which gives its position in the model, the optimizer or the random state:
/// names of variables depend on what else the process has created.
struct CheckpointVariable {
  std::string key;  ///< "model/0/w"
  Variable variable;
};

struct Checkpoint {
  std::vector<CheckpointVariable> variables;
  // These must be the same when a run is resumed.
  std::int64_t batch = 0;
  std::uint32_t seed = 0;
  std::int64_t examples = 0;
  std::int64_t accumulate = 1;
  std::string watched;  ///< by early stopping; empty: nothing
};

/// Returns "GROUP/0/w", "GROUP/1/b", ... for "dense_4/w", "dense_4/b", ...
std::vector<CheckpointVariable> checkpoint_variables(std::string_view group, const std::vector<Variable>& variables);

/// Throws Error if the file cannot be written; the old one is then unchanged.
void write_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint, const TrainingState& state);

/// Sets the variables and `state`, whose history knows its names. Throws Error naming the file if it is not a
/// checkpoint, is damaged, or belongs to another model, data set or run; then nothing has changed.
void read_checkpoint(const std::filesystem::path& path, const Checkpoint& checkpoint, TrainingState& state);

/// Creates the folder and removes leftovers of killed processes. Throws Error.
void prepare_folder(const std::filesystem::path& folder);

}  // namespace detail

}  // namespace sluice
