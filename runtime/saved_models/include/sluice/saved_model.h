#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include "sluice/array.h"
#include "sluice/ir/graph.h"

namespace sluice {

/// A model as it lies in a folder: `model.ir`, its graph as text; `weights.safetensors`, the values of its states by
/// the names of their variables; `manifest.json`, its signature, the version of the format, and names for people.
struct SavedModel {
  ir::Graph graph;             ///< as traced; it updates no state
  std::vector<Array> weights;  ///< one for each of its states, in their order
  std::vector<std::string> output_names;
  std::vector<std::string> class_names = {};    ///< what the classes of its result "probabilities" are called; or none
  std::vector<std::string> not_trainable = {};  ///< the variables that are no weights, such as counters
  std::string written_by = {};                  ///< "sluice 0.1.0"
};

inline constexpr char kGraphFile[] = "model.ir";

/// The names of the results of a model that tells classes apart: i64[B] and f32[B,classes].
inline constexpr char kClassOutput[] = "class";
inline constexpr char kProbabilitiesOutput[] = "probabilities";

/// Writes a folder. It appears under its name when it is complete and on the disk, or not at all, and replaces a saved
/// model that is there. Throws Error if the graph has an update or a fused node, if arrays or names do not fit it, if
/// the folder is there and holds anything else, or if it cannot be written; then what is there is as it was.
void write_saved_model(const std::filesystem::path& folder, const SavedModel& model);

/// Throws Error if write_saved_model could not write there, to say so before a long training and not after it.
void check_can_save(const std::filesystem::path& folder);

/// Reads a folder that anybody may have written. Throws Error that names the file for whatever is missing, cut off,
/// damaged, of a newer version, or does not fit the other files.
SavedModel read_saved_model(const std::filesystem::path& folder);

}  // namespace sluice
