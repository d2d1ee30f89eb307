#include "sluice/loaded_module.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "sluice/detail/trace.h"

namespace sluice {

LoadedModule::LoadedModule(SavedModel model)
    : Module("loaded"), model_(std::make_shared<const SavedModel>(std::move(model))) {
  for (const Array& weights : model_->weights) {
    const ir::State& state = model_->graph.states()[states_.size()];
    const bool is_weight = is_float(weights.dtype()) && std::ranges::count(model_->not_trainable, state.variable) == 0;
    states_.push_back(
        register_variable(Variable(state.variable, weights, {.trainable = is_weight, .range = state.range})));
  }
}

std::vector<Tensor> LoadedModule::call(const std::vector<Tensor>& inputs, const std::vector<ir::Value>& wanted) const {
  runtime::Variables storages;
  for (const Variable& state : states_) storages.push_back(state.storage());
  return Trace::required(model_->graph.name()).inline_graph(model_->graph, inputs, storages, wanted);
}

std::vector<Tensor> LoadedModule::results(const std::vector<Tensor>& inputs, std::source_location where) const {
  const Scope scope(where);
  return call(inputs, {model_->graph.results().begin(), model_->graph.results().end()});
}

Tensor LoadedModule::operator()(const Arg& input) const {
  const Scope scope(input.where());
  if (model_->graph.results().size() != 1) {
    fail_at_user(fmt::format("@{}: has {} results: results({{x}}) returns all, logits(x) a classifier's logits",
                             model_->graph.name(), model_->graph.results().size()));
  }
  return call({input}, {model_->graph.results()[0]})[0];
}

Tensor LoadedModule::logits(const Arg& images) const {
  const Scope scope(images.where());
  const ir::Graph& graph = model_->graph;
  const bool classifier = output_names() == std::vector<std::string>{kClassOutput, kProbabilitiesOutput} &&
                          graph.node(graph.results()[0]).op == ir::Op::kArgmax;
  if (!classifier) {
    fail_at_user(fmt::format("@{}: is not a classifier with the results \"{}\" and \"{}\", so it has no logits",
                             graph.name(), kClassOutput, kProbabilitiesOutput));
  }
  return call({images}, {graph.node(graph.results()[0]).operands[0]})[0];
}

}  // namespace sluice
