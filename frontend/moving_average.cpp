#include "sluice/moving_average.h"

#include <fmt/format.h>

#include <algorithm>

#include "sluice/detail/trace.h"
#include "sluice/elementwise.h"

namespace sluice {

namespace {

constexpr std::string_view kAverages = "exponential_moving_average";

std::vector<Variable> required_variables(const VariableList& list) {
  std::vector<Variable> variables = list.all();
  if (variables.empty()) fail_at_user(fmt::format("{}: there are no variables to average", kAverages));
  return variables;
}

}  // namespace

ExponentialMovingAverage::ExponentialMovingAverage(double decay, std::source_location where)
    : Module(kAverages), decay_(decay) {
  if (decay >= 0 && decay < 1) return;
  const Scope scope(where);
  fail_at_user(fmt::format("{}: decay must be at least 0 and below 1, got {}", kAverages, decay));
}

Variable ExponentialMovingAverage::average(const Variable& variable) const {
  return lazy_variable_beside(variable, "average",
                              [&] { return Array(variable.type().dtype, variable.type().shape.at(1)); },
                              {.trainable = false, .range = variable.storage()->range()});
}

// One for each variable: a single counter would not know whether a list has grown.
Variable ExponentialMovingAverage::updates_of(const Variable& variable) const {
  return lazy_variable_beside(variable, "updates", [] { return Array::scalar(std::int64_t{0}); },
                              {.trainable = false, .range = ir::Range{0, 2}});
}

void ExponentialMovingAverage::update(const VariableList& variables, std::source_location where) const {
  const Scope scope(where);
  Trace::required(kAverages);
  for (const Variable& variable : required_variables(variables)) {
    const Variable moving = average(variable);
    const Variable updates = updates_of(variable);
    if (is_float(variable.type().dtype)) {
      const Tensor moved = decay_ * moving + (1 - decay_) * variable;
      moving.assign(select(updates == 0, variable, moved));
    } else {
      moving.assign(Tensor(variable));
    }
    updates.assign_add(1);
  }
}

bool ExponentialMovingAverage::updated(const VariableList& variables) const {
  return std::ranges::all_of(
      variables.all(), [&](const Variable& variable) { return updates_of(variable).value().item<std::int64_t>() > 0; });
}

std::vector<std::pair<Variable, Array>> ExponentialMovingAverage::averages_of(std::string_view name,
                                                                              const VariableList& variables) const {
  check_not_traced(name);
  std::vector<std::pair<Variable, Array>> averages;
  for (const Variable& variable : required_variables(variables)) {
    if (updates_of(variable).value().item<std::int64_t>() == 0) {
      fail_at_user(fmt::format("{}: there is no average of variable \"{}\" yet: update() has not run for it", name,
                               variable.name()));
    }
    averages.emplace_back(variable, average(variable).value());
  }
  return averages;
}

ExponentialMovingAverage::SwappedIn ExponentialMovingAverage::swap_in(const VariableList& variables,
                                                                      std::source_location where) const {
  const Scope scope(where);
  std::vector<std::pair<Variable, Array>> own;
  for (const auto& [variable, average] : averages_of("swap_in", variables)) {
    own.emplace_back(variable, variable.value());
    variable.assign(average);
  }
  return SwappedIn(std::move(own));
}

// Not Variable::assign, which throws while a function is traced.
ExponentialMovingAverage::SwappedIn::~SwappedIn() {
  for (const auto& [variable, value] : own_) variable.storage()->assign(value);
}

void ExponentialMovingAverage::finalize(const VariableList& variables, std::source_location where) const {
  const Scope scope(where);
  for (const auto& [variable, average] : averages_of("finalize", variables)) variable.assign(average);
}

}  // namespace sluice
