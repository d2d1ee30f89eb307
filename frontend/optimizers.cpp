#include "sluice/optimizers.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "frontend/squared_gradients.h"
#include "sluice/detail/trace.h"
#include "sluice/elementwise.h"
#include "sluice/function.h"
#include "sluice/gradients.h"
#include "sluice/shape_ops.h"

namespace sluice {

using detail::kUnlimited;

Tensor detail::with_finite_square(const Tensor& x) {
  return visit_dtype(x.dtype(), [&]<typename T>(T) {
    constexpr T kLargest = std::numeric_limits<T>::max();
    const double limit = std::nextafter(std::sqrt(kLargest), T{0});
    return select(abs(x) <= kLargest, clip_by_value(x, -limit, limit), x);
  });
}

Optimizer::Optimizer(std::string_view kind, double learning_rate, WeightDecay weight_decay,
                     const std::source_location& where)
    : Module(kind),
      learning_rate_(lazy_variable("learning_rate", [&] { return Array::scalar(static_cast<float>(learning_rate)); },
                                   {.trainable = false})),
      weight_decay_(std::move(weight_decay)) {
  check_option(kind, "weight_decay", weight_decay_.rate(), 0, kUnlimited, where);
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
  return slot(variable, name, 0, range);
}

Variable Optimizer::slot(const Variable& variable, std::string_view name, double initial,
                         std::optional<ir::Range> range) const {
  const auto filled = [&] {
    Array array(variable.type().dtype, variable.type().shape.at(1));
    visit_dtype(array.dtype(), [&]<typename T>(T) { std::ranges::fill(array.data<T>(), static_cast<T>(initial)); });
    return array;
  };
  return lazy_variable_beside(variable, name, filled, {.trainable = false, .range = range});
}

std::vector<Variable> Optimizer::required_trainable(const VariableList& variables) const {
  std::vector<Variable> trainable = variables.trainable();
  if (!trainable.empty()) return trainable;
  fail_at_user(
      fmt::format("{}: {}", kind(),
                  variables.all().empty()
                      ? "there are no variables to update; a module has those registered with register_module and "
                        "register_variable, and a layer creates its own on its first call"
                      : "none of the variables is trainable; set_trainable(true) unfreezes them"));
}

void Optimizer::minimize(const Arg& loss, const VariableList& variables) const {
  const Scope scope(loss.where());
  Trace::required("minimize");
  const std::vector<Variable> trainable = required_trainable(variables);
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
    const bool same_name = derived_by->name() == targets[i].name();
    fail_at_user(
        fmt::format(
            "{}: gradient {} is the derivative with respect to variable \"{}\", but variable {} is {}\"{}\": both "
            "lists must have the same order; minimize(loss, variables) takes care of it",
            kind(), i, derived_by->name(), i, same_name ? "another one of another module, also called " : "",
            targets[i].name()),
        {&gradients[i], 1});
  }
  for (const Variable& target : targets) {
    if (!weight_decay_.applies_to(target)) continue;
    target.assign_sub(target * (cast(learning_rate_, target.type().dtype) * weight_decay_.rate()));
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
    : Optimizer("sgd", options.learning_rate, options.weight_decay, where), options_(std::move(options)) {
  check_option("sgd", "momentum", options_.momentum, 0, kUnlimited, where);
}

namespace {

/// Takes the step at the rows that the gradient touches, if they are known and may be fewer than all.
bool take_step_by_rows(const Tensor& gradient, const Variable& variable, const Tensor& rate) {
  Trace& trace = Trace::required("sgd");
  const TouchedRows* const touched = trace.touched(gradient);
  if (touched == nullptr || !touched->rows) return false;
  const Dim count = touched->indices.shape().element_count();
  if (!count.batch && count.size >= variable.type().shape[0].size) return false;
  variable.assign(trace.add(ir::Op::kScatterAdd, {variable, touched->indices, -rate * *touched->rows}));
  return true;
}

}  // namespace

void SGD::update(const std::vector<Tensor>& gradients, const std::vector<Variable>& variables) const {
  for (std::size_t i = 0; i < variables.size(); ++i) {
    const Tensor rate = cast(learning_rate(), gradients[i].dtype());
    if (options_.momentum == 0 && take_step_by_rows(gradients[i], variables[i], rate)) continue;
    const Tensor step = rate * gradients[i];
    if (options_.momentum == 0) {
      variables[i].assign_sub(step);
      continue;
    }
    const Variable velocity = slot(variables[i], "velocity");
    velocity.assign(velocity * options_.momentum - step);
    if (options_.nesterov) {
      variables[i].assign_add(velocity * options_.momentum - step);
    } else {
      variables[i].assign_add(velocity);
    }
  }
}

Lion::Lion(LionOptions options, std::source_location where)
    : Optimizer("lion", options.learning_rate, options.weight_decay, where), options_(std::move(options)) {
  check_option("lion", "beta_1", options_.beta_1, 0, 1, where);
  check_option("lion", "beta_2", options_.beta_2, 0, 1, where);
}

void Lion::update(const std::vector<Tensor>& gradients, const std::vector<Variable>& variables) const {
  for (std::size_t i = 0; i < variables.size(); ++i) {
    const Tensor& gradient = gradients[i];
    const Variable m = slot(variables[i], "m");
    const Tensor direction = sign(options_.beta_1 * m + (1 - options_.beta_1) * gradient);
    variables[i].assign_sub(cast(learning_rate(), gradient.dtype()) * direction);
    m.assign(options_.beta_2 * m + (1 - options_.beta_2) * gradient);
  }
}

}  // namespace sluice
