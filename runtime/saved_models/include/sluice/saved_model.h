#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "sluice/array.h"
#include "sluice/ir/graph.h"

namespace sluice {

/// A model as stored in a folder: `model.ir`, its graph as text; `weights.safetensors`, the values of its states by the
/// names of their variables; `manifest.json`, its signature, the version of the format, and names for people.
struct SavedModel {
  ir::Graph graph;             ///< as traced; it updates no state
  std::vector<Array> weights;  ///< one for each of its states, in order
  std::vector<std::string> output_names;
  std::vector<std::string> class_names = {};    ///< the names of the classes of its result "probabilities"; or none
  std::vector<std::string> not_trainable = {};  ///< the variables that are not weights, such as counters
  std::string written_by = {};                  ///< "sluice 0.1.0"
};

inline constexpr char kGraphFile[] = "model.ir";

/// The names of a classifier's results: i64[B] and f32[B,classes].
inline constexpr char kClassOutput[] = "class";
inline constexpr char kProbabilitiesOutput[] = "probabilities";

/// Writes a folder atomically, replacing an existing saved model. Throws Error if the graph has an update or a fused
/// node, if arrays or names do not fit it, if the folder exists and contains anything else, or if it cannot be written;
/// the existing contents are then unchanged.
void write_saved_model(const std::filesystem::path& folder, const SavedModel& model);

/// Throws Error if write_saved_model could not write there, to report it before a long training run instead of after
/// it.
void check_can_save(const std::filesystem::path& folder);

/// Reads a folder, which is untrusted. Throws Error, naming the file, for whatever is missing, truncated, damaged, of a
/// newer version, or inconsistent with the other files.
SavedModel read_saved_model(const std::filesystem::path& folder);

}  // namespace sluice
