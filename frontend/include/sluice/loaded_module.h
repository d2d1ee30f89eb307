#pragma once

#include <filesystem>
#include <source_location>
#include <string>
#include <vector>

#include "sluice/module.h"
#include "sluice/tensor.h"
#include "sluice/saved_model.h"

namespace sluice {

/// A saved model to train further: its graph becomes part of the function that calls it, and its variables, which start
/// as the saved weights, are trained, frozen, copied and saved like those of any other module. Needs nothing from the
/// program that saved it.
///
///     const LoadedModule digits(std::filesystem::path("digits"));
///     auto step = function("step", {u8(batch, 28, 28, 1), u8(batch)}, [&](Tensor images, Tensor labels) {
///       const Tensor loss = reduce_mean(sparse_softmax_cross_entropy(digits.logits(images), labels));
///       adam.minimize(loss, digits);
///       return loss;
///     });
class LoadedModule : public Module {
 public:
  /// Throws Error as read_saved_model does.
  explicit LoadedModule(const std::filesystem::path& folder) : LoadedModule(read_saved_model(folder)) {}
  explicit LoadedModule(SavedModel model);

  /// Returns all its results for its inputs, both in the model's order. Throws Error at the user's line if an input
  /// does not fit; a static size may replace the symbolic one.
  std::vector<Tensor> results(const std::vector<Tensor>& inputs,
                              std::source_location where = std::source_location::current()) const;
  /// Returns the result of a model with one input and one result.
  Tensor operator()(const Arg& input) const;
  /// Returns a classifier's logits, from which its classes and probabilities are computed, for use in a loss.
  Tensor logits(const Arg& images) const;

  const ir::Graph& graph() const { return model_->graph; }
  const std::vector<std::string>& output_names() const { return model_->output_names; }

 private:
  std::vector<Tensor> call(const std::vector<Tensor>& inputs, const std::vector<ir::Value>& wanted) const;

  std::shared_ptr<const SavedModel> model_;
  std::vector<Variable> states_;
};

}  // namespace sluice
