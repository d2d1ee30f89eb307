#include "frontend/export.h"

#include <fmt/format.h>

#include "frontend/nn.h"
#include "frontend/reduce.h"
#include "frontend/trace.h"

namespace sluice {

namespace {

std::array<Tensor, 2> classify(const Tensor& logits) {
  const bool fits =
      logits.dtype() == DType::kF32 && logits.rank() == 2 && logits.shape()[0] == batch && !logits.shape()[1].batch;
  if (!fits) fail_at_user(fmt::format("export: expected logits f32[B,classes], got {}", to_string(logits.type())));
  return outputs(argmax(logits, 1), softmax(logits));
}

}  // namespace

ExportModule::ExportModule(const TensorSpec& images, std::function<Tensor(const Tensor&)> logits,
                           std::vector<std::string> class_names, std::source_location where)
    : images_(images.name().empty() ? images.named("images") : images),
      class_names_(std::move(class_names)),
      function_(function(
          "predict", {images_},
          [logits = std::move(logits), where](const Tensor& batch_of_images) {
            const Scope scope(where);
            return classify(logits(batch_of_images));
          },
          where)) {}

Predictions ExportModule::predict(const Array& images) const {
  const auto [classes, probabilities] = function_(with_channel_as_in(images, images_.type()));
  return {classes, probabilities};
}

void save(const ExportModule& module, const std::filesystem::path& folder) {
  SavedModel model{module.function_.graph(), {}, {kClassOutput, kProbabilitiesOutput}, module.class_names_};
  for (const auto& variable : module.function_.variables()) model.weights.push_back(variable->value());
  write_saved_model(folder, model);
}

}  // namespace sluice
