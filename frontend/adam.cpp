// Adam and its variants.
#include <utility>

#include "frontend/squared_gradients.h"
#include "frontend/touched_rows.h"
#include "sluice/arrays.h"
#include "sluice/elementwise.h"
#include "sluice/optimizers.h"
#include "sluice/shape_ops.h"

namespace sluice {

using detail::kUnlimited;
using detail::move_mean;
using detail::with_finite_square;

namespace {

constexpr ir::Range kOfUnit{0, 1};  // of powers, and of means of squares

/// A power of a number, or a product of such: 1 before the first step. The powers are running products in f64, whose
/// errors stay far below f32's.
Array first_power() { return Array::scalar(1.0); }

/// As detail::move_mean; returns the new mean.
Tensor move_mean(const detail::UpdatedPart& part, const Variable& mean, const Tensor& value, double decay) {
  const Tensor before = part.read(mean);
  return part.write(mean, before + (value - before) * (1 - decay));
}

}  // namespace

Adam::Adam(AdamOptions options, std::source_location where) : Adam("adam", options, where) {}

LazyAdam::LazyAdam(const AdamOptions& options, std::source_location where) : Adam("lazy_adam", options, where, true) {}

Adam::Adam(std::string_view kind, const AdamOptions& options, const std::source_location& where, bool lazy)
    : Optimizer(kind, options.learning_rate, options.weight_decay, where),
      options_(options),
      lazy_(lazy),
      beta_1_power_(lazy_variable("beta_1_power", first_power, {.trainable = false, .range = kOfUnit})),
      beta_2_power_(lazy_variable("beta_2_power", first_power, {.trainable = false, .range = kOfUnit})) {
  check_option(kind, "beta_1", options.beta_1, 0, 1, where);
  check_option(kind, "beta_2", options.beta_2, 0, 1, where);
  check_option(kind, "epsilon", options.epsilon, 0, kUnlimited, where);
}

// Both formulas are rearranged so that whatever does not depend on the element is computed once: with c = sqrt(1 -
// beta_2^t) and alpha = rate * c / (1 - beta_1^t), w -= alpha * m / (sqrt(v) + e), where e is epsilon as in Keras, or
// epsilon * c as in PyTorch.
void Adam::update(const std::vector<Tensor>& gradients, const std::vector<Variable>& variables) const {
  beta_1_power_.assign(beta_1_power_ * options_.beta_1);
  beta_2_power_.assign(beta_2_power_ * options_.beta_2);
  const Tensor correction = sqrt(1 - beta_2_power_);
  const Tensor alpha = cast(learning_rate(), DType::kF64) * correction / (1 - beta_1_power_);
  const Tensor epsilon = options_.epsilon_place == AdamEpsilon::kPyTorch ? correction * options_.epsilon
                                                                         : full({}, options_.epsilon, DType::kF64);
  const auto part_of = [&](const Tensor& gradient, const Variable& variable) {
    const Shape& shape = variable.type().shape;
    if (!lazy_ || shape.rank() == 0) return detail::UpdatedPart(gradient);
    // Made for every variable, since build() does not know which ones will be looked up.
    const auto none = [&] { return zeros({shape[0].size}, DType::kI32); };
    return detail::touched_part(
        gradient, lazy_variable_beside(variable, "position", none, {.trainable = false, .range = kOfUnit}));
  };
  for (std::size_t i = 0; i < variables.size(); ++i) {
    const detail::UpdatedPart part = part_of(gradients[i], variables[i]);
    const Tensor gradient = with_finite_square(part.gradient());
    const Variable m = slot(variables[i], "m");
    const Variable v = slot(variables[i], "v", kOfUnit);
    const Tensor mean = move_mean(part, m, gradient, options_.beta_1);
    Tensor mean_square = move_mean(part, v, square(gradient), options_.beta_2);
    if (options_.amsgrad) {
      const Variable most = slot(variables[i], "v_max", kOfUnit);
      mean_square = part.write(most, maximum(part.read(most), mean_square));
    }
    const DType dtype = gradient.dtype();
    const Tensor step = cast(alpha, dtype) * mean;
    part.write(variables[i], part.read(variables[i]) - step / (sqrt(mean_square) + cast(epsilon, dtype)));
  }
}

AdamW::AdamW(const AdamWOptions& options, std::source_location where)
    : Adam("adamw",
           {.learning_rate = options.learning_rate,
            .beta_1 = options.beta_1,
            .beta_2 = options.beta_2,
            .epsilon = options.epsilon,
            .epsilon_place = options.epsilon_place,
            .amsgrad = options.amsgrad,
            .weight_decay = options.weight_decay},
           where) {}

Nadam::Nadam(NadamOptions options, std::source_location where)
    : Optimizer("nadam", options.learning_rate, options.weight_decay, where),
      options_(std::move(options)),
      beta_2_power_(lazy_variable("beta_2_power", first_power, {.trainable = false, .range = kOfUnit})),
      decay_power_(lazy_variable("decay_power", first_power, {.trainable = false, .range = kOfUnit})),
      momentum_product_(lazy_variable("momentum_product", first_power, {.trainable = false, .range = kOfUnit})) {
  check_option("nadam", "beta_1", options_.beta_1, 0, 1, where);
  check_option("nadam", "beta_2", options_.beta_2, 0, 1, where);
  check_option("nadam", "epsilon", options_.epsilon, 0, kUnlimited, where);
}

// Rearranged as Adam's: what does not depend on the element is computed once, in f64.
void Nadam::update(const std::vector<Tensor>& gradients, const std::vector<Variable>& variables) const {
  constexpr double kDecay = 0.96;
  beta_2_power_.assign(beta_2_power_ * options_.beta_2);
  decay_power_.assign(decay_power_ * kDecay);
  const Tensor now = options_.beta_1 * (1 - 0.5 * decay_power_);
  const Tensor next = options_.beta_1 * (1 - 0.5 * kDecay * decay_power_);
  momentum_product_.assign(momentum_product_ * now);
  const Tensor rate = cast(learning_rate(), DType::kF64);
  const Tensor of_mean = rate * next / (1 - momentum_product_ * next);
  const Tensor of_gradient = rate * (1 - now) / (1 - momentum_product_);
  const Tensor correction = 1 / (1 - beta_2_power_);
  for (std::size_t i = 0; i < variables.size(); ++i) {
    const Tensor gradient = with_finite_square(gradients[i]);
    const DType dtype = gradient.dtype();
    const Variable m = slot(variables[i], "m");
    const Variable v = slot(variables[i], "v", kOfUnit);
    move_mean(m, gradient, options_.beta_1);
    move_mean(v, square(gradient), options_.beta_2);
    const Tensor step = cast(of_mean, dtype) * m + cast(of_gradient, dtype) * gradient;
    // The root of the quotient as a product of roots: v times the first correction, 1000, may overflow.
    variables[i].assign_sub(step / (sqrt(v) * cast(sqrt(correction), dtype) + options_.epsilon));
  }
}

Adamax::Adamax(AdamaxOptions options, std::source_location where)
    : Optimizer("adamax", options.learning_rate, options.weight_decay, where),
      options_(std::move(options)),
      beta_1_power_(lazy_variable("beta_1_power", first_power, {.trainable = false, .range = kOfUnit})) {
  check_option("adamax", "beta_1", options_.beta_1, 0, 1, where);
  check_option("adamax", "beta_2", options_.beta_2, 0, 1, where);
  check_option("adamax", "epsilon", options_.epsilon, 0, kUnlimited, where);
}

void Adamax::update(const std::vector<Tensor>& gradients, const std::vector<Variable>& variables) const {
  beta_1_power_.assign(beta_1_power_ * options_.beta_1);
  const Tensor alpha = cast(learning_rate(), DType::kF64) / (1 - beta_1_power_);
  for (std::size_t i = 0; i < variables.size(); ++i) {
    const Tensor gradient = with_finite_square(gradients[i]);
    const Variable m = slot(variables[i], "m");
    const Variable u = slot(variables[i], "u", kOfUnit);
    move_mean(m, gradient, options_.beta_1);
    u.assign(maximum(u * options_.beta_2, abs(gradient)));
    variables[i].assign_sub(cast(alpha, gradient.dtype()) * m / (u + options_.epsilon));
  }
}

}  // namespace sluice
