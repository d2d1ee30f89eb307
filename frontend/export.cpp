#include "sluice/export.h"

#include <fmt/format.h>

#include "sluice/detail/trace.h"
#include "sluice/nn.h"
#include "sluice/reduce.h"

namespace sluice {

namespace {

std::array<Tensor, 2> classify(const Tensor& logits) {
  const bool fits =
      logits.dtype() == DType::kF32 && logits.rank() == 2 && logits.shape()[0] == batch && !logits.shape()[1].batch;
  if (!fits) fail_at_user(fmt::format("export: expected logits f32[B,classes], got {}", to_string(logits.type())));
  return outputs(argmax(logits, 1), softmax(logits));
}

std::vector<Array> values_of(const runtime::Variables& variables) {
  std::vector<Array> values;
  for (const auto& variable : variables) values.push_back(variable->value());
  return values;
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

Predictions ExportModule::predict(const Array& images, std::source_location where) const {
  const Array fitting = with_channel_as_in(images, images_.type());
  const auto [classes, probabilities] = function_(detail::HostArgument(fitting, where));
  return {classes, probabilities};
}

void save(const ExportModule& module, const std::filesystem::path& folder) {
  write_saved_model(folder, {module.function_.graph(),
                             values_of(module.function_.variables()),
                             {kClassOutput, kProbabilitiesOutput},
                             module.class_names_});
}

void detail::save_graph(const ir::Graph& graph, const runtime::Variables& variables,
                        std::vector<std::string> output_names, const std::filesystem::path& folder) {
  const std::size_t results = graph.results().size();
  if (output_names.empty()) {
    for (std::size_t i = 0; i < results; ++i)
      output_names.push_back(results == 1 ? "output" : fmt::format("output_{}", i));
  }
  write_saved_model(folder, {graph, values_of(variables), std::move(output_names)});
}

}  // namespace sluice
