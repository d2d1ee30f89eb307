// Keras's optimizers by their configurations.
#include "tests/oracles/optimizers_of_keras.h"

#include <fmt/format.h>

#include <map>
#include <memory>
#include <sstream>

namespace sluice::oracles {

namespace {

template <typename Method>
Apply applied(Method made) {
  const auto optimizer = std::make_shared<Method>(std::move(made));
  return [optimizer](const std::vector<Tensor>& g, const std::vector<Variable>& w) { optimizer->apply(g, w); };
}

Apply made_of(const std::string& name, const Attributes& config) {
  const double rate = config.number("learning_rate", 0.001);
  const WeightDecay decay = config.number("weight_decay");
  const double epsilon = config.number("epsilon", 1e-7);
  const double beta_1 = config.number("beta_1", 0.9);
  const double beta_2 = config.number("beta_2", name == "Lion" ? 0.99 : 0.999);
  if (name == "SGD" || name == "Momentum" || name == "Nesterov") {
    return applied(SGD({.learning_rate = rate,
                        .momentum = config.number("momentum"),
                        .nesterov = config.flag("nesterov"),
                        .weight_decay = decay}));
  }
  if (name == "Adam" || name == "AdamW") {
    return applied(AdamW({.learning_rate = rate,
                          .weight_decay = decay,
                          .beta_1 = beta_1,
                          .beta_2 = beta_2,
                          .epsilon = epsilon,
                          .amsgrad = config.flag("amsgrad")}));
  }
  if (name == "RMSprop") {
    return applied(RMSprop({.learning_rate = rate,
                            .rho = config.number("rho", 0.9),
                            .momentum = config.number("momentum"),
                            .epsilon = epsilon,
                            .centered = config.flag("centered"),
                            .weight_decay = decay}));
  }
  if (name == "Adagrad") {
    return applied(Adagrad({.learning_rate = rate,
                            .initial_accumulator_value = config.number("initial_accumulator_value", 0.1),
                            .epsilon = epsilon,
                            .weight_decay = decay}));
  }
  if (name == "Adadelta") {
    return applied(Adadelta(
        {.learning_rate = rate, .rho = config.number("rho", 0.95), .epsilon = epsilon, .weight_decay = decay}));
  }
  if (name == "Adamax") {
    return applied(
        Adamax({.learning_rate = rate, .beta_1 = beta_1, .beta_2 = beta_2, .epsilon = epsilon, .weight_decay = decay}));
  }
  if (name == "Nadam") {
    return applied(
        Nadam({.learning_rate = rate, .beta_1 = beta_1, .beta_2 = beta_2, .epsilon = epsilon, .weight_decay = decay}));
  }
  if (name == "Lion")
    return applied(Lion({.learning_rate = rate, .beta_1 = beta_1, .beta_2 = beta_2, .weight_decay = decay}));
  if (name == "Ftrl") {
    return applied(Ftrl({.learning_rate = rate,
                         .learning_rate_power = config.number("learning_rate_power", -0.5),
                         .initial_accumulator_value = config.number("initial_accumulator_value", 0.1),
                         .l1 = config.number("l1_regularization_strength"),
                         .l2 = config.number("l2_regularization_strength"),
                         .l2_shrinkage = config.number("l2_shrinkage_regularization_strength"),
                         .beta = config.number("beta"),
                         .weight_decay = decay}));
  }
  throw CannotSay(fmt::format("no optimizer {}", name));
}

std::vector<Tensor> clipped(std::vector<Tensor> gradients, const Attributes& config) {
  if (const double norm = config.number("global_clipnorm"); norm > 0)
    return clip_by_global_norm(gradients, norm).gradients;
  for (Tensor& g : gradients) {
    if (const double norm = config.number("clipnorm"); norm > 0) g = clip_by_norm(g, norm);
    if (const double most = config.number("clipvalue"); most > 0) g = clip_by_value(g, -most, most);
  }
  return gradients;
}

}  // namespace

Apply keras_optimizer(const std::string& name, const Attributes& config) {
  const Apply apply = made_of(name, config);
  config.number("ema_momentum");  // of averages that Keras keeps next to the weights
  const Attributes& of_clipping = config;
  return [=](const std::vector<Tensor>& gradients, const std::vector<Variable>& variables) {
    const std::vector<Tensor> given = clipped(gradients, of_clipping);
    of_clipping.check_all_read();
    apply(given, variables);
  };
}

Apply optimizer_of_words(const std::string& words, const std::string& by) {
  std::istringstream in(words);
  std::string name;
  double rate = 0;
  in >> name >> rate;
  std::map<std::string, double> options;
  for (std::string word; in >> word;) in >> options[word];
  const auto option = [&](const std::string& key, double otherwise) {
    const auto node = options.extract(key);
    return node.empty() ? otherwise : node.mapped();
  };
  if (!by.starts_with("pytorch") || rate == 0) throw CannotSay(fmt::format("optimizer {} of {}", words, by));
  Apply apply;
  if (name == "SGD") apply = applied(SGD({.learning_rate = rate, .momentum = option("momentum", 0)}));
  if (name == "Adam")
    apply =
        applied(Adam({.learning_rate = rate, .epsilon = option("eps", 1e-8), .epsilon_place = AdamEpsilon::kPyTorch}));
  if (!apply || !options.empty()) throw CannotSay(fmt::format("optimizer {} of {}", words, by));
  return apply;
}

}  // namespace sluice::oracles
