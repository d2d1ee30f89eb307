// Optimizers with a learning rate for each element: RMSprop, Adagrad, Adadelta, FTRL.
#include <utility>

#include "frontend/squared_gradients.h"
#include "sluice/elementwise.h"
#include "sluice/optimizers.h"

namespace sluice {

using detail::kUnlimited;
using detail::move_mean;
using detail::with_finite_square;

namespace {

constexpr ir::Range kOfSquares{0, 1};

}  // namespace

RMSprop::RMSprop(RMSpropOptions options, std::source_location where)
    : Optimizer("rmsprop", options.learning_rate, options.weight_decay, where), options_(std::move(options)) {
  check_option("rmsprop", "rho", options_.rho, 0, 1, where);
  check_option("rmsprop", "momentum", options_.momentum, 0, kUnlimited, where);
  check_option("rmsprop", "epsilon", options_.epsilon, 0, kUnlimited, where);
}

void RMSprop::update(const std::vector<Tensor>& gradients, const std::vector<Variable>& variables) const {
  for (std::size_t i = 0; i < variables.size(); ++i) {
    const Tensor gradient = with_finite_square(gradients[i]);
    const Variable v = slot(variables[i], "v", kOfSquares);
    move_mean(v, square(gradient), options_.rho);
    Tensor spread = v;
    if (options_.centered) {
      const Variable mean = slot(variables[i], "mean", ir::Range{-0.1, 0.1});
      move_mean(mean, gradient, options_.rho);
      spread = maximum(v - square(mean), 0);  // rounding may lead below 0
    }
    const Tensor step = cast(learning_rate(), gradient.dtype()) * gradient * rsqrt(spread + options_.epsilon);
    if (options_.momentum == 0) {
      variables[i].assign_sub(step);
      continue;
    }
    const Variable m = slot(variables[i], "m");
    m.assign(m * options_.momentum + step);
    variables[i].assign_sub(m);
  }
}

Adagrad::Adagrad(AdagradOptions options, std::source_location where)
    : Optimizer("adagrad", options.learning_rate, options.weight_decay, where), options_(std::move(options)) {
  check_option("adagrad", "initial_accumulator_value", options_.initial_accumulator_value, 0, kUnlimited, where);
  check_option("adagrad", "epsilon", options_.epsilon, 0, kUnlimited, where);
}

void Adagrad::update(const std::vector<Tensor>& gradients, const std::vector<Variable>& variables) const {
  for (std::size_t i = 0; i < variables.size(); ++i) {
    const Tensor gradient = with_finite_square(gradients[i]);
    const Variable sum = slot(variables[i], "accumulator", options_.initial_accumulator_value, kOfSquares);
    sum.assign_add(square(gradient));
    const Tensor rate = cast(learning_rate(), gradient.dtype());
    variables[i].assign_sub(rate * gradient * rsqrt(sum + options_.epsilon));
  }
}

Adadelta::Adadelta(AdadeltaOptions options, std::source_location where)
    : Optimizer("adadelta", options.learning_rate, options.weight_decay, where), options_(std::move(options)) {
  check_option("adadelta", "rho", options_.rho, 0, 1, where);
  check_option("adadelta", "epsilon", options_.epsilon, 0, kUnlimited, where);
}

void Adadelta::update(const std::vector<Tensor>& gradients, const std::vector<Variable>& variables) const {
  for (std::size_t i = 0; i < variables.size(); ++i) {
    const Tensor gradient = with_finite_square(gradients[i]);
    const Variable v = slot(variables[i], "v", kOfSquares);
    const Variable d = slot(variables[i], "d", kOfSquares);
    move_mean(v, square(gradient), options_.rho);
    const Tensor step = sqrt(d + options_.epsilon) * rsqrt(v + options_.epsilon) * gradient;
    move_mean(d, square(step), options_.rho);
    variables[i].assign_sub(cast(learning_rate(), gradient.dtype()) * step);
  }
}

Ftrl::Ftrl(FtrlOptions options, std::source_location where)
    : Optimizer("ftrl", options.learning_rate, options.weight_decay, where), options_(std::move(options)) {
  check_option("ftrl", "-learning_rate_power", -options_.learning_rate_power, 0, kUnlimited, where);
  check_option("ftrl", "initial_accumulator_value", options_.initial_accumulator_value, 0, kUnlimited, where);
  check_option("ftrl", "l1", options_.l1, 0, kUnlimited, where);
  check_option("ftrl", "l2", options_.l2, 0, kUnlimited, where);
  check_option("ftrl", "l2_shrinkage", options_.l2_shrinkage, 0, kUnlimited, where);
  check_option("ftrl", "beta", options_.beta, 0, kUnlimited, where);
}

void Ftrl::update(const std::vector<Tensor>& gradients, const std::vector<Variable>& variables) const {
  const double power = -options_.learning_rate_power;
  const auto powered = [&](const Tensor& sum) { return power == 0.5 ? sqrt(sum) : pow(sum, power); };
  for (std::size_t i = 0; i < variables.size(); ++i) {
    const Tensor gradient = with_finite_square(gradients[i]);
    const Tensor rate = cast(learning_rate(), gradient.dtype());
    const Variable sum = slot(variables[i], "accumulator", options_.initial_accumulator_value, kOfSquares);
    const Variable linear = slot(variables[i], "linear");
    const Tensor before = powered(sum);
    sum.assign_add(square(gradient));
    const Tensor after = powered(sum);
    Tensor slope = gradient;
    if (options_.l2_shrinkage > 0) slope = slope + variables[i] * (2 * options_.l2_shrinkage);
    linear.assign_add(slope - (after - before) / rate * variables[i]);
    const Tensor quadratic = (after + options_.beta) / rate + 2 * options_.l2;
    const Tensor beyond = clip_by_value(linear, -options_.l1, options_.l1) - linear;
    // 0 if nothing is known of the element: no gradient, and an accumulator that starts from 0.
    const Tensor known = quadratic > 0;
    variables[i].assign(select(known, beyond / select(known, quadratic, 1), 0));
  }
}

}  // namespace sluice
