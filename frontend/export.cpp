#include "sluice/export.h"

#include <fmt/format.h>

#include <algorithm>

#include "sluice/detail/trace.h"
#include "sluice/nn.h"
#include "sluice/random.h"
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

/// Returns the names of the states that are not weights.
std::vector<std::string> not_trainable(const ir::Graph& graph, const runtime::Variables& variables) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < variables.size(); ++i) {
    if (!variables[i]->is_weight()) names.push_back(graph.states()[i].variable);
  }
  return names;
}

/// A saved model's random numbers would either repeat in each call or not be a function of its inputs.
void check_draws_nothing(const ir::Graph& graph, const runtime::Variables& variables) {
  for (const Variable& random : random_variables()) {
    for (std::size_t i = 0; i < variables.size(); ++i) {
      if (variables[i] != random.storage() || !graph.states()[i].update) continue;
      const auto draws = [](const ir::Node& node) {
        return node.op == ir::Op::kRandomUniform || node.op == ir::Op::kRandomNormal;
      };
      const auto drawn = std::ranges::find_if(graph.nodes(), draws);
      const Location at = drawn == graph.nodes().end() ? Location{} : ir::user_location(drawn->origins);
      fail_at_user(
          fmt::format("save: @{} draws random numbers{}, which a saved model cannot: each call would advance "
                      "their state. Make the noise an argument of the function, and draw it in the calling "
                      "program; dropout is the identity in Mode::kEvaluate",
                      graph.name(), at.known() ? " at " + to_string(at) : ""));
    }
  }
}

/// What write_saved_model would refuse, but at the user's line.
void check_savable(const SavedModel& model) {
  const ir::Graph& graph = model.graph;
  for (const ir::State& state : graph.states()) {
    if (!state.update) continue;
    fail_at_user(fmt::format("save: @{} updates \"{}\"; a saved model has no updates", graph.name(), state.variable));
  }
  if (model.output_names.size() != graph.results().size()) {
    fail_at_user(fmt::format("save: expected a name for each of the {} results of @{}, got {}", graph.results().size(),
                             graph.name(), model.output_names.size()));
  }
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
  const auto [classes, probabilities] = function_({fitting, where});
  return {classes, probabilities};
}

SavedModel model_to_save(const ExportModule& module, std::source_location where) {
  const Scope scope(where);
  check_draws_nothing(module.function_.graph(), module.function_.variables());
  return {module.function_.graph_to_save(),
          values_of(module.function_.variables()),
          {kClassOutput, kProbabilitiesOutput},
          module.class_names_,
          not_trainable(module.function_.graph(), module.function_.variables())};
}

SavedModel model_to_save(const AnyFunction& function, std::vector<std::string> output_names,
                         std::source_location where) {
  const Scope scope(where);
  check_draws_nothing(function.graph(), function.variables());
  const ir::Graph& graph = function.graph_to_save();
  const std::size_t results = graph.results().size();
  if (output_names.empty()) {
    for (std::size_t i = 0; i < results; ++i)
      output_names.push_back(results == 1 ? "output" : fmt::format("output_{}", i));
  }
  return {graph,
          values_of(function.variables()),
          std::move(output_names),
          {},
          not_trainable(function.graph(), function.variables())};
}

void save(const ExportModule& module, const std::filesystem::path& folder, std::source_location where) {
  const Scope scope(where);
  const SavedModel model = model_to_save(module, where);
  check_savable(model);
  write_saved_model(folder, model);
}

void save(const AnyFunction& function, const std::filesystem::path& folder, std::vector<std::string> output_names,
          std::source_location where) {
  const Scope scope(where);
  const SavedModel model = model_to_save(function, std::move(output_names), where);
  check_savable(model);
  write_saved_model(folder, model);
}

}  // namespace sluice
