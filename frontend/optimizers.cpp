#include "sluice/optimizers.h"

#include <fmt/format.h>

#include <cmath>
#include <limits>

#include "sluice/detail/trace.h"
#include "sluice/elementwise.h"
#include "sluice/function.h"
#include "sluice/gradients.h"
#include "sluice/shape_ops.h"

namespace sluice {

namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

/// Returns x, clamping finite elements whose square would be infinite to the nearest ones whose square is not.
Tensor with_finite_square(const Tensor& x) {
  return visit_dtype(x.dtype(), [&]<typename T>(T) {
    constexpr T kLargest = std::numeric_limits<T>::max();
    const double limit = std::nextafter(std::sqrt(kLargest), T{0});
    return select(abs(x) <= kLargest, clip_by_value(x, -limit, limit), x);
  });
}

}  // namespace

Optimizer::Optimizer(std::string_view kind, double learning_rate, std::source_location where)
    : Module(kind),
      learning_rate_(lazy_variable("learning_rate", [&] { return Array::scalar(static_cast<float>(learning_rate)); },
                                   {.trainable = false})) {
  const auto rate = static_cast<float>(learning_rate);
  if (rate > 0 && std::isfinite(rate)) return;
  const Scope scope(where);
  fail_at_user(fmt::format("{}: expected a positive f32 as learning_rate, got {}", kind, learning_rate));
}

void Optimizer::check_option(std::string_view kind, std::string_view option, double value, double low, double high,
                             const std::source_location& where) {
  if (value >= low && value < high) return;
  const Scope scope(where);
  fail_at_user(std::isinf(high)
                   ? fmt::format("{}: {} must be at least {}, got {}", kind, option, low, value)
                   : fmt::format("{}: {} must be at least {} and below {}, got {}", kind, option, low, high, value));
}

Variable Optimizer::slot(const Variable& variable, std::string_view name, std::optional<ir::Range> range) const {
  return lazy_variable_beside(variable, name, [&] { return Array(variable.type().dtype, variable.type().shape.at(1)); },
                              {.trainable = false, .range = range});
}

void Optimizer::minimize(const Arg& loss, const VariableList& variables) const {
  const Scope scope(loss.where());
  Trace::required("minimize");
  const std::vector<Variable> trainable = variables.trainable();
  if (trainable.empty()) {
    fail_at_user(
        fmt::format("{}: {}", kind(),
                    variables.all().empty()
                        ? "there are no variables to update; a module has those registered with register_module and "
                          "register_variable, and a layer creates its own on its first call"
                        : "none of the variables is trainable; set_trainable(true) unfreezes them"));
  }
  apply(gradients(loss, trainable), trainable);
}

void Optimizer::apply(const std::vector<Tensor>& gradients, const VariableList& variables,
                      std::source_location where) const {
  const Scope scope(where);
  const Trace& trace = Trace::required(kind());
  const std::vector<Variable> targets = variables.targets();
  if (targets.empty()) fail_at_user(fmt::format("{}: there are no variables to update", kind()));
  if (gradients.size() != targets.size()) {
    fail_at_user(fmt::format("{}: expected a gradient for each of {} variables, got {}", kind(), targets.size(),
                             gradients.size()));
  }
  for (std::size_t i = 0; i < targets.size(); ++i) {
    if (gradients[i].type() != targets[i].type()) {
      fail_at_user(fmt::format("{}: variable \"{}\" is {}, its gradient is {}", kind(), targets[i].name(),
                               to_string(targets[i].type()), to_string(gradients[i].type())),
                   {&gradients[i], 1});
    }
    const auto derived_by = trace.derived_by(gradients[i]);
    if (derived_by == nullptr || derived_by == targets[i].storage()) continue;
    fail_at_user(
        fmt::format(
            "{}: gradient {} is the derivative with respect to variable \"{}\", but variable {} is \"{}\": both "
            "lists must have the same order; minimize(loss, variables) takes care of it",
            kind(), i, derived_by->name(), i, targets[i].name()),
        {&gradients[i], 1});
  }
  update(gradients, targets);
}

void Optimizer::build(const VariableList& variables, std::source_location where) const {
  const Scope scope(where);
  static_cast<void>(function("build", {}, [&] {
                      std::vector<Tensor> zeros;
                      for (const Variable& variable : variables.targets()) zeros.push_back(zeros_like(variable));
                      apply(zeros, variables);
                    }).graph());
}

SGD::SGD(SgdOptions options, std::source_location where)
    : Optimizer("sgd", options.learning_rate, where), momentum_(options.momentum) {
  check_option("sgd", "momentum", momentum_, 0, kInfinity, where);
}

void SGD::update(const std::vector<Tensor>& gradients, const std::vector<Variable>& variables) const {
  for (std::size_t i = 0; i < variables.size(); ++i) {
    const Tensor step = cast(learning_rate(), gradients[i].dtype()) * gradients[i];
    if (momentum_ == 0) {
      variables[i].assign_sub(step);
      continue;
    }
    const Variable velocity = slot(variables[i], "velocity");
    velocity.assign(velocity * momentum_ - step);
    variables[i].assign_add(velocity);
  }
}

Adam::Adam(AdamOptions options, std::source_location where)
    : Optimizer("adam", options.learning_rate, where),
      options_(options),
      beta_1_power_(lazy_variable("beta_1_power", [] { return Array::scalar(1.0); },
                                  {.trainable = false, .range = ir::Range{0, 1}})),
      beta_2_power_(lazy_variable("beta_2_power", [] { return Array::scalar(1.0); },
                                  {.trainable = false, .range = ir::Range{0, 1}})) {
  check_option("adam", "beta_1", options.beta_1, 0, 1, where);
  check_option("adam", "beta_2", options.beta_2, 0, 1, where);
  check_option("adam", "epsilon", options.epsilon, 0, kInfinity, where);
}

// Both formulas are rearranged so that whatever does not depend on the element is computed once: with c = sqrt(1 -
// beta_2^t) and alpha = rate * c / (1 - beta_1^t), w -= alpha * m / (sqrt(v) + e), where e is epsilon as in Keras, or
// epsilon * c as in PyTorch. The powers are running products in f64, whose errors stay far below f32's.
void Adam::update(const std::vector<Tensor>& gradients, const std::vector<Variable>& variables) const {
  beta_1_power_.assign(beta_1_power_ * options_.beta_1);
  beta_2_power_.assign(beta_2_power_ * options_.beta_2);
  const Tensor correction = sqrt(1 - beta_2_power_);
  const Tensor alpha = cast(learning_rate(), DType::kF64) * correction / (1 - beta_1_power_);
  const Tensor epsilon = options_.epsilon_place == AdamEpsilon::kPyTorch ? correction * options_.epsilon
                                                                         : full({}, options_.epsilon, DType::kF64);
  for (std::size_t i = 0; i < variables.size(); ++i) {
    const Tensor gradient = with_finite_square(gradients[i]);
    const Variable m = slot(variables[i], "m");
    const Variable v = slot(variables[i], "v", ir::Range{0, 1});
    m.assign_add((gradient - m) * (1 - options_.beta_1));
    v.assign_add((square(gradient) - v) * (1 - options_.beta_2));
    const DType dtype = gradient.dtype();
    const Tensor step = cast(alpha, dtype) * m;
    variables[i].assign_sub(step / (sqrt(v) + cast(epsilon, dtype)));
  }
}

}  // namespace sluice
