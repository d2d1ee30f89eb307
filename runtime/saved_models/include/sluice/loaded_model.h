#pragma once

#include <filesystem>
#include <initializer_list>
#include <memory>
#include <span>
#include <vector>

#include "sluice/array.h"
#include "sluice/runtime/executable.h"
#include "sluice/saved_model.h"

namespace sluice {

/// What a classifier says of images, a row for each.
struct Predictions {
  Array classes;        ///< i64[B]: the most probable class, the first of equals
  Array probabilities;  ///< f32[B,classes]
};

/// A saved model, compiled: one serves every B >= 1, and threads may share it. Needs nothing of the program that saved
/// it. On the same kind of CPU its results have the same bits as before saving.
class LoadedModel {
 public:
  /// Throws Error if a value of the graph is larger than this machine's memory.
  explicit LoadedModel(SavedModel model, runtime::Engine engine = runtime::Engine::kJit);

  const ir::Graph& graph() const { return graph_; }
  const std::vector<std::string>& output_names() const { return output_names_; }
  const std::vector<std::string>& class_names() const { return class_names_; }  ///< may be empty
  /// Whether it takes one input, and gives classes and probabilities.
  bool is_classifier() const;

  /// The results for `inputs`, in the order of the graph's parameters. Throws Error if one does not fit.
  std::vector<Array> run(std::span<const Array> inputs) const;
  std::vector<Array> run(std::initializer_list<Array> inputs) const {
    return run(std::span<const Array>(inputs.begin(), inputs.size()));
  }
  /// The results by name. `images` may lack a last axis of size 1, or have one more. Throws Error if they do not fit,
  /// if it is no classifier, or if it gives a class for which there is no probability.
  Predictions predict(const Array& images) const;

 private:
  ir::Graph graph_;
  std::vector<std::string> output_names_;
  std::vector<std::string> class_names_;
  std::unique_ptr<runtime::Executable> executable_;
};

/// Reads and compiles the model that write_saved_model wrote into `folder`. Throws Error as read_saved_model does.
LoadedModel load(const std::filesystem::path& folder);

/// `images` with a last axis of size 1 more or less, where that makes their rank the one of `expected`: grey pictures
/// are u8[B,28,28,1] to some and u8[B,28,28] to others.
Array with_channel_as_in(const Array& images, const Type& expected);

}  // namespace sluice
