#pragma once

#include <filesystem>
#include <functional>
#include <source_location>
#include <string>
#include <vector>

#include "sluice/function.h"
#include "sluice/loaded_model.h"
#include "sluice/saved_model.h"
#include "sluice/spec.h"
#include "sluice/tensor.h"

namespace sluice {

/// A model prepared for use outside the program: takes raw images and returns their classes and the probabilities of
/// all classes, including the preprocessing.
///
///     ExportModule digits(u8(batch, 28, 28, 1), [&](Tensor images) { return model(preprocess(images)); });
///     save(digits, "digits");
///     Predictions predictions = load("digits").predict(images);  // in any program
class ExportModule {
 public:
  /// `logits` computes [B,classes] for a batch of images; `class_names` are the names of the classes, if they are not
  /// numbers. Throws Error at the user's line, at the first use, if the logits are not f32[B,classes].
  ExportModule(const TensorSpec& images, std::function<Tensor(const Tensor&)> logits,
               std::vector<std::string> class_names = {}, std::source_location where = std::source_location::current());

  /// `images` may lack a last axis of size 1, or have an extra one. Throws Error at the user's line if they do not fit.
  Predictions predict(const Array& images, std::source_location where = std::source_location::current()) const;

 private:
  friend SavedModel model_to_save(const ExportModule& module, std::source_location where);

  TensorSpec images_;
  std::vector<std::string> class_names_;
  Function<std::array<Tensor, 2>, 1> function_;
};

/// Writes the module and the current values of its variables to `folder`, for load(). Written atomically; replaces an
/// existing saved model. Throws Error as write_saved_model does.
void save(const ExportModule& module, const std::filesystem::path& folder,
          std::source_location where = std::source_location::current());

/// The same for any function that assigns no variable, to be run by LoadedModel::run. Its inputs are named by its
/// signature, its results by `output_names` or, if that is empty, "output", or "output_0", "output_1", ... Throws Error
/// for a function that draws random numbers, because each call advances their state: pass such a function its noise as
/// an argument. Prints are left out of what is written; throws Error for a function with checks.
///
///     const auto predict = function("predict", {f32(batch).named("x")}, [&](Tensor x) { return model(x); });
///     save(predict, "parabola", {"y"});
///     const Array y = load("parabola").run({x})[0];  // in any program
void save(const AnyFunction& function, const std::filesystem::path& folder, std::vector<std::string> output_names = {},
          std::source_location where = std::source_location::current());

/// Returns what save() writes, for writers of other formats. Throws Error as save() does.
SavedModel model_to_save(const ExportModule& module, std::source_location where = std::source_location::current());
SavedModel model_to_save(const AnyFunction& function, std::vector<std::string> output_names = {},
                         std::source_location where = std::source_location::current());

}  // namespace sluice
