#pragma once

#include <filesystem>
#include <initializer_list>
#include <memory>
#include <source_location>
#include <span>
#include <vector>

#include "sluice/array.h"
#include "sluice/runtime/executable.h"
#include "sluice/saved_model.h"

namespace sluice {

/// A classifier's predictions, one row per image.
struct Predictions {
  Array classes;        ///< i64[B]: the most probable class; ties go to the lower class
  Array probabilities;  ///< f32[B,classes]
};

/// A compiled saved model: one serves every B >= 1, and threads may share it. Needs nothing from the program that saved
/// it. On the same kind of CPU its results are bit-identical to those before saving.
class LoadedModel {
 public:
  /// Throws Error if a value of the graph is larger than this machine's memory.
  explicit LoadedModel(SavedModel model, runtime::Engine engine = runtime::Engine::kJit);

  const ir::Graph& graph() const { return graph_; }
  const std::vector<std::string>& output_names() const { return output_names_; }
  const std::vector<std::string>& class_names() const { return class_names_; }  ///< may be empty
  /// Returns whether it takes one input and returns classes and probabilities.
  bool is_classifier() const;

  /// Returns the results for `inputs`, in the order of the graph's parameters. Throws Error at the user's line if
  /// one does not fit.
  std::vector<Array> run(std::span<const Array> inputs,
                         std::source_location where = std::source_location::current()) const;
  std::vector<Array> run(std::initializer_list<Array> inputs,
                         std::source_location where = std::source_location::current()) const {
    return run(std::span<const Array>(inputs.begin(), inputs.size()), where);
  }
  /// Returns the results by name. `images` may lack a last axis of size 1, or have an extra one. Throws Error if they
  /// do not fit, if it is not a classifier, or if it returns a class without a probability.
  Predictions predict(const Array& images, std::source_location where = std::source_location::current()) const;

 private:
  ir::Graph graph_;
  std::vector<std::string> output_names_;
  std::vector<std::string> class_names_;
  std::unique_ptr<runtime::Executable> executable_;
};

/// Reads and compiles the model that write_saved_model wrote to `folder`. Throws Error as read_saved_model does.
LoadedModel load(const std::filesystem::path& folder);

/// Returns `images` with a last axis of size 1 added or removed if that gives them the rank of `expected`: gray
/// pictures may be u8[B,28,28,1] or u8[B,28,28].
Array with_channel_as_in(const Array& images, const Type& expected);

}  // namespace sluice
