// Normalizations over some axes; channels are last.
#include <fmt/format.h>

#include <numeric>

#include "tests/oracles/registry.h"

namespace sluice::oracles {

namespace {

/// Returns the variables of `layer`, created for in.x, with their values in the case. `names` says which of them have
/// other names there.
template <typename Layer>
Held held_by(const Layer& layer, const Oracle& oracle, const std::map<std::string, std::string>& names = {}) {
  const Array& x = oracle.at("in.x");
  build(layer, TensorSpec(x.dtype(), Shape::of(x.sizes())));
  Held held;
  for (const auto& [own_name, variable] : layer.named_variables()) {
    const auto found = names.find(own_name);
    const std::string& name = found == names.end() ? own_name : found->second;
    const auto value = oracle.arrays.find("in." + name);
    if (value == oracle.arrays.end()) continue;
    variable.assign(value->second);
    held.emplace_back(name, variable);
  }
  return held;
}

/// A function of in.x by a layer with the variables of the case.
template <typename Layer>
Program function_of_layer(const Oracle& oracle, const Layer& layer,
                          const std::map<std::string, std::string>& names = {}) {
  const auto body = [&](const Tensors& in) -> Results { return {{"out.0", layer(in["x"])}}; };
  return function_of(oracle, body, held_by(layer, oracle, names));
}

std::vector<std::int64_t> axes_of(const Oracle& oracle) {
  return oracle.attributes.integers("axes", oracle.attributes.integers("axis", {-1}));
}

Program layer_norm(const Oracle& oracle) {
  return function_of_layer(oracle, LayerNormalization({.axis = axes_of(oracle),
                                                       .epsilon = oracle.attributes.number("epsilon"),
                                                       .center = oracle.has("in.beta"),
                                                       .scale = oracle.has("in.gamma")}));
}

Program rms_norm(const Oracle& oracle) {
  const RMSNorm layer({.axis = axes_of(oracle), .epsilon = oracle.attributes.number("epsilon")});
  return function_of_layer(oracle, layer, {{"scale", "gamma"}});
}

BatchNormalization batch_norm(const Oracle& oracle) {
  // Without momentum, the moving statistics are those of the last batch.
  return BatchNormalization({.momentum = 0,
                             .epsilon = oracle.attributes.number("epsilon"),
                             .center = oracle.has("in.beta"),
                             .scale = oracle.has("in.gamma")});
}

Program batch_norm_train(const Oracle& oracle) {
  const BatchNormalization layer = batch_norm(oracle);
  const Held held = held_by(layer, oracle);
  const auto statistic = [&](std::string_view name) {
    for (const auto& [own_name, variable] : layer.named_variables()) {
      if (own_name == name) return Tensor(variable);
    }
    throw CannotSay(fmt::format("there is no variable {}", name));
  };
  return function_of(
      oracle,
      [&](const Tensors& in) -> Results {
        const Tensor& x = in["x"];
        Results results{{"out.0", layer(x, Mode::kTrain)}};
        std::vector<std::int64_t> axes(static_cast<std::size_t>(x.rank() - 1));  // all but the channels
        std::iota(axes.begin(), axes.end(), 0);
        // The layer's statistics, with derivatives, which do not pass through variables.
        const auto add = [&](const std::string& name, const Tensor& by_formula, const Tensor& by_layer) {
          if (oracle.has(name)) results.emplace_back(name, by_formula + stop_gradient(by_layer - by_formula));
        };
        add("out.1", reduce_mean(x, axes), statistic("moving_mean"));
        add("out.2", reduce_variance(x, axes), statistic("moving_variance"));
        return results;
      },
      held);
}

Program batch_norm_evaluate(const Oracle& oracle) {
  const BatchNormalization layer = batch_norm(oracle);
  const auto body = [&](const Tensors& in) -> Results { return {{"out.0", layer(in["x"], Mode::kEvaluate)}}; };
  return function_of(oracle, body, held_by(layer, oracle, {{"moving_mean", "mean"}, {"moving_variance", "variance"}}));
}

Program group_norm(const Oracle& oracle) {
  const auto groups = static_cast<std::int64_t>(oracle.attributes.number("groups"));
  return function_of_layer(oracle, GroupNormalization(groups, {.epsilon = oracle.attributes.number("epsilon"),
                                                               .center = oracle.has("in.beta"),
                                                               .scale = oracle.has("in.gamma")}));
}

}  // namespace

void add_norms(Builders& builders) {
  builders["layer_norm"] = layer_norm;
  builders["rms_norm"] = rms_norm;
  builders["batch_norm_train"] = batch_norm_train;
  builders["batch_norm_evaluate"] = batch_norm_evaluate;
  builders["group_norm"] = group_norm;
}

}  // namespace sluice::oracles
