// Steps of Keras's optimizers on given gradients.
#include <fmt/format.h>

#include <cstring>

#include "tests/oracles/optimizers_of_keras.h"
#include "tests/oracles/registry.h"

namespace sluice::oracles {

namespace {

/// Returns the gradients of all steps for the variable `name`, concatenated.
Array all_gradients(const Oracle& oracle, const std::string& name, int steps) {
  const Array& variable = oracle.at("in." + name);
  std::vector<std::int64_t> sizes = variable.sizes();
  sizes.insert(sizes.begin(), steps);
  Array all(variable.dtype(), sizes);
  for (int step = 0; step < steps; ++step) {
    const Array& one = oracle.at(fmt::format("in.g{}{}", name, step));
    std::memcpy(all.bytes() + static_cast<std::size_t>(step) * one.byte_count(), one.bytes(), one.byte_count());
  }
  return all;
}

Program optimizer(const Oracle& oracle) {
  int steps = 0;
  std::vector<std::string> names;
  for (const auto& [name, array] : oracle.with_prefix("in.")) {
    if (!oracle.has(fmt::format("in.g{}0", name))) continue;
    names.push_back(name);
    while (oracle.has(fmt::format("in.g{}{}", name, steps))) ++steps;
  }
  Oracle steps_of;  // the same case as a training run
  steps_of.attributes = oracle.attributes;
  Training all{.steps = steps};
  for (const std::string& name : names) {
    steps_of.arrays["in.w." + name] = oracle.at("in." + name);
    steps_of.arrays["in.g" + name] = all_gradients(oracle, name, steps);
    all.by_step.push_back("g" + name);
  }
  all.step = [&](const Weights& w, const Tensors& in) {
    const Attributes& attributes = steps_of.attributes;
    const Apply apply = keras_optimizer(attributes.text("name"), attributes.object("config"));
    std::vector<Tensor> gradients;
    for (const std::string& name : names) gradients.push_back(in["g" + name]);
    apply(gradients, w.of(names));
    Results results;
    for (const std::string& name : names) results.emplace_back(name, w[name]);
    return results;
  };
  return training(steps_of, all);
}

}  // namespace

void add_optimizers(Builders& builders) { builders["optimizer"] = optimizer; }

}  // namespace sluice::oracles
