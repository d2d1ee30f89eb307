// Keras's optimizers. SGD and Adam are Sluice's own; the others are written as a user would write them.
#include "tests/oracles/optimizers_of_keras.h"

#include <fmt/format.h>

#include <map>
#include <memory>
#include <sstream>

namespace sluice::oracles {

namespace {

/// An optimizer whose rule is a function of one variable and its gradient.
class Written : public Optimizer {
 public:
  using Rule = std::function<void(const Written& self, const Variable& w, const Tensor& g)>;

  Written(double learning_rate, Rule rule)
      : Optimizer("written", learning_rate),
        rule_(std::move(rule)),
        step_(register_variable(Variable("written/step", Array::scalar(0.0F), {.trainable = false}))) {}

  void update(const std::vector<Tensor>& gradients, const std::vector<Variable>& variables) const override {
    step_.assign_add(1);
    for (std::size_t i = 0; i < variables.size(); ++i) rule_(*this, variables[i], gradients[i]);
  }

  /// A variable associated with `w`, initially `initial` in all elements.
  Variable state(const Variable& w, const std::string& name, double initial = 0) const {
    return lazy_variable(fmt::format("{}/{}", w.name(), name), [&] {
      Array array(w.type().dtype, w.type().shape.at(1));
      for (float& element : array.data<float>()) element = static_cast<float>(initial);
      return array;
    });
  }
  /// A scalar associated with `w`, initially 1.
  Variable power(const Variable& w, const std::string& name) const {
    return lazy_variable(fmt::format("{}/{}", w.name(), name), [] { return Array::scalar(1.0F); });
  }
  /// 1 in the first step.
  Tensor step() const { return step_; }

 private:
  Rule rule_;
  Variable step_;
};

void average(const Variable& mean, const Tensor& value, double decay) {
  mean.assign(decay * mean + (1 - decay) * value);
}

Written::Rule rms_prop(const Attributes& config) {
  const double rho = config.number("rho", 0.9);
  const double momentum = config.number("momentum", 0);
  const double epsilon = config.number("epsilon", 1e-7);
  const bool centered = config.flag("centered");
  return [=](const Written& self, const Variable& w, const Tensor& g) {
    const Variable v = self.state(w, "v");
    average(v, square(g), rho);
    Tensor variance = v;
    if (centered) {
      const Variable mean = self.state(w, "mean");
      average(mean, g, rho);
      variance = v - square(mean);
    }
    const Tensor step = self.learning_rate() * g * rsqrt(variance + epsilon);
    if (momentum == 0) return w.assign_sub(step);
    const Variable m = self.state(w, "m");
    m.assign(momentum * m + step);
    w.assign_sub(m);
  };
}

Written::Rule adagrad(const Attributes& config) {
  const double initial = config.number("initial_accumulator_value", 0.1);
  const double epsilon = config.number("epsilon", 1e-7);
  return [=](const Written& self, const Variable& w, const Tensor& g) {
    const Variable sum = self.state(w, "sum", initial);
    sum.assign_add(square(g));
    w.assign_sub(self.learning_rate() * g * rsqrt(sum + epsilon));
  };
}

Written::Rule adadelta(const Attributes& config) {
  const double rho = config.number("rho", 0.95);
  const double epsilon = config.number("epsilon", 1e-7);
  return [=](const Written& self, const Variable& w, const Tensor& g) {
    const Variable of_g = self.state(w, "of_g");
    const Variable of_step = self.state(w, "of_step");
    average(of_g, square(g), rho);
    const Tensor step = sqrt(of_step + epsilon) * g * rsqrt(of_g + epsilon);
    average(of_step, square(step), rho);
    w.assign_sub(self.learning_rate() * step);
  };
}

Written::Rule adamax(const Attributes& config) {
  const double beta_1 = config.number("beta_1", 0.9);
  const double beta_2 = config.number("beta_2", 0.999);
  const double epsilon = config.number("epsilon", 1e-7);
  return [=](const Written& self, const Variable& w, const Tensor& g) {
    const Variable m = self.state(w, "m");
    const Variable u = self.state(w, "u");
    average(m, g, beta_1);
    u.assign(maximum(beta_2 * u, abs(g)));
    w.assign_sub(self.learning_rate() / (1 - pow(beta_1, self.step())) * m / (u + epsilon));
  };
}

Written::Rule nadam(const Attributes& config) {
  const double beta_1 = config.number("beta_1", 0.9);
  const double beta_2 = config.number("beta_2", 0.999);
  const double epsilon = config.number("epsilon", 1e-7);
  return [=](const Written& self, const Variable& w, const Tensor& g) {
    const Variable m = self.state(w, "m");
    const Variable v = self.state(w, "v");
    const Variable product = self.power(w, "product");
    const Tensor now = beta_1 * (1 - 0.5 * pow(0.96, self.step()));
    const Tensor next = beta_1 * (1 - 0.5 * pow(0.96, self.step() + 1));
    product.assign(product * now);
    average(m, g, beta_1);
    average(v, square(g), beta_2);
    const Tensor m_hat = next * m / (1 - product * next) + (1 - now) * g / (1 - product);
    const Tensor v_hat = v / (1 - pow(beta_2, self.step()));
    w.assign_sub(self.learning_rate() * m_hat / (sqrt(v_hat) + epsilon));
  };
}

Written::Rule amsgrad(const Attributes& config) {
  const double beta_1 = config.number("beta_1", 0.9);
  const double beta_2 = config.number("beta_2", 0.999);
  const double epsilon = config.number("epsilon", 1e-7);
  return [=](const Written& self, const Variable& w, const Tensor& g) {
    const Variable m = self.state(w, "m");
    const Variable v = self.state(w, "v");
    const Variable most = self.state(w, "most");
    average(m, g, beta_1);
    average(v, square(g), beta_2);
    most.assign(maximum(most, v));
    const Tensor correction = sqrt(1 - pow(beta_2, self.step())) / (1 - pow(beta_1, self.step()));
    w.assign_sub(self.learning_rate() * correction * m / (sqrt(most) + epsilon));
  };
}

Written::Rule lion(const Attributes& config) {
  const double beta_1 = config.number("beta_1", 0.9);
  const double beta_2 = config.number("beta_2", 0.99);
  return [=](const Written& self, const Variable& w, const Tensor& g) {
    const Variable m = self.state(w, "m");
    w.assign_sub(self.learning_rate() * sign(beta_1 * m + (1 - beta_1) * g));
    average(m, g, beta_2);
  };
}

Written::Rule nesterov(const Attributes& config) {
  const double momentum = config.number("momentum");
  return [=](const Written& self, const Variable& w, const Tensor& g) {
    const Variable m = self.state(w, "m");
    const Tensor step = self.learning_rate() * g;
    m.assign(momentum * m - step);
    w.assign_add(momentum * m - step);
  };
}

Written::Rule ftrl(const Attributes& config) {
  const double power = -config.number("learning_rate_power", -0.5);
  const double initial = config.number("initial_accumulator_value", 0.1);
  const double l1 = config.number("l1_regularization_strength");
  const double l2 = config.number("l2_regularization_strength");
  const double shrinkage = config.number("l2_shrinkage_regularization_strength");
  const double beta = config.number("beta");
  return [=](const Written& self, const Variable& w, const Tensor& g) {
    const Variable sum = self.state(w, "sum", initial);
    const Variable linear = self.state(w, "linear");
    const Tensor rate = self.learning_rate();
    const Tensor new_sum = sum + square(g);
    linear.assign_add(g + 2 * shrinkage * w - (pow(new_sum, power) - pow(sum, power)) / rate * w);
    const Tensor quadratic = pow(new_sum, power) / rate + 2 * (l2 + beta / (2 * rate));
    w.assign((clip_by_value(linear, -l1, l1) - linear) / quadratic);
    sum.assign(new_sum);
  };
}

Apply written(double rate, Written::Rule rule) {
  const auto optimizer = std::make_shared<Written>(rate, std::move(rule));
  return [optimizer](const std::vector<Tensor>& g, const std::vector<Variable>& w) { optimizer->apply(g, w); };
}

Apply adam(const AdamOptions& options) {
  const auto optimizer = std::make_shared<Adam>(options);
  return [optimizer](const std::vector<Tensor>& g, const std::vector<Variable>& w) { optimizer->apply(g, w); };
}

Apply sgd(const SgdOptions& options) {
  const auto optimizer = std::make_shared<SGD>(options);
  return [optimizer](const std::vector<Tensor>& g, const std::vector<Variable>& w) { optimizer->apply(g, w); };
}

Apply rule_of(const std::string& name, const Attributes& config) {
  const double rate = config.number("learning_rate", 0.001);
  const bool is_sgd = name == "SGD" || name == "Momentum" || name == "Nesterov";
  if (is_sgd && config.flag("nesterov")) return written(rate, nesterov(config));
  if (is_sgd) return sgd({.learning_rate = rate, .momentum = config.number("momentum")});
  if (name == "RMSprop") return written(rate, rms_prop(config));
  if (name == "Adagrad") return written(rate, adagrad(config));
  if (name == "Adadelta") return written(rate, adadelta(config));
  if (name == "Adamax") return written(rate, adamax(config));
  if (name == "Nadam") return written(rate, nadam(config));
  if (name == "Lion") return written(rate, lion(config));
  if (name == "Ftrl") return written(rate, ftrl(config));
  if (name != "Adam" && name != "AdamW") throw CannotSay(fmt::format("no optimizer {}", name));
  if (config.flag("amsgrad")) return written(rate, amsgrad(config));
  return adam({.learning_rate = rate,
               .beta_1 = config.number("beta_1", 0.9),
               .beta_2 = config.number("beta_2", 0.999),
               .epsilon = config.number("epsilon", 1e-7)});
}

std::vector<Tensor> clipped(std::vector<Tensor> gradients, const Attributes& config) {
  if (const double norm = config.number("global_clipnorm"); norm > 0)
    return clip_by_global_norm(gradients, norm).gradients;
  for (Tensor& g : gradients) {
    if (const double norm = config.number("clipnorm"); norm > 0) g = clip_by_global_norm({g}, norm).gradients[0];
    if (const double most = config.number("clipvalue"); most > 0) g = clip_by_value(g, -most, most);
  }
  return gradients;
}

}  // namespace

Apply keras_optimizer(const std::string& name, const Attributes& config) {
  const Apply apply = rule_of(name, config);
  const double decay = config.number("weight_decay") * config.number("learning_rate", 0.001);
  config.number("ema_momentum");  // of averages that Keras keeps next to the weights
  const Attributes& of_clipping = config;
  return [=](const std::vector<Tensor>& gradients, const std::vector<Variable>& variables) {
    const std::vector<Tensor> given = clipped(gradients, of_clipping);
    for (const Variable& w : variables) {
      if (decay != 0) w.assign_sub(decay * w);
    }
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
  if (name == "SGD") apply = sgd({.learning_rate = rate, .momentum = option("momentum", 0)});
  if (name == "Adam")
    apply = adam({.learning_rate = rate, .epsilon = option("eps", 1e-8), .epsilon_place = AdamEpsilon::kPyTorch});
  if (!apply || !options.empty()) throw CannotSay(fmt::format("optimizer {} of {}", words, by));
  return apply;
}

}  // namespace sluice::oracles
