#include "sluice/module.h"

#include <fmt/format.h>

#include <algorithm>

#include "sluice/detail/trace.h"

namespace sluice {

void Module::collect(const State& state, std::vector<Variable>& out) {
  for (const auto& member : state.members) {
    if (const auto* inner = std::get_if<std::shared_ptr<State>>(&member)) {
      collect(**inner, out);
      continue;
    }
    const Variable& variable = std::get<Variable>(member);
    const auto same = [&](const Variable& other) { return other.is(variable); };
    if (std::none_of(out.begin(), out.end(), same)) out.push_back(variable);
  }
}

std::vector<Variable> Module::variables() const {
  std::vector<Variable> all;
  collect(*state_, all);
  return all;
}

std::vector<Variable> Module::trainable_variables() const {
  std::vector<Variable> trainable = variables();
  std::erase_if(trainable, [](const Variable& variable) { return !variable.trainable(); });
  return trainable;
}

bool Module::same(const Member& a, const Member& b) {
  if (a.index() != b.index()) return false;
  if (const auto* inner = std::get_if<std::shared_ptr<State>>(&a)) return *inner == std::get<std::shared_ptr<State>>(b);
  return std::get<Variable>(a).is(std::get<Variable>(b));
}

void Module::add(Member member) {
  if (Trace::current() != nullptr) {
    Trace::current()->on_failure([state = state_, member] {
      const auto is_it = [&](const auto& other) { return same(other, member); };
      state->members.erase(std::find_if(state->members.begin(), state->members.end(), is_it));
    });
  }
  state_->members.push_back(std::move(member));
}

Variable Module::register_variable(const Variable& variable) {
  add(variable);
  return variable;
}

bool Module::reaches(const State& from, const State& to) {
  if (&from == &to) return true;
  return std::any_of(from.members.begin(), from.members.end(), [&](const auto& member) {
    const auto* inner = std::get_if<std::shared_ptr<State>>(&member);
    return inner != nullptr && reaches(**inner, to);
  });
}

void Module::register_module(const Module& module) {
  if (reaches(*module.state_, *state_)) {
    fail_at_user(fmt::format("register_module: the module of kind \"{}\" would hold itself", state_->kind));
  }
  add(module.state_);
}

const Variable* Module::find_variable(std::string_view name) const {
  for (const auto& [known, variable] : state_->lazy) {
    if (known == name) return &variable;
  }
  return nullptr;
}

Variable Module::lazy_variable(std::string_view name, const std::function<Array()>& initial, VariableOptions options) {
  if (const Variable* known = find_variable(name)) return *known;
  std::string scope = state_->scope.empty() ? free_scope(state_->kind) : state_->scope;
  const Variable variable(fmt::format("{}/{}", scope, name), initial(), options);
  if (Trace::current() != nullptr) {
    Trace::current()->on_failure([state = state_, before = state_->scope, name = std::string(name)] {
      std::erase_if(state->lazy, [&](const auto& known) { return known.first == name; });
      state->scope = before;
    });
  }
  state_->scope = std::move(scope);
  state_->lazy.emplace_back(name, variable);
  add(variable);
  return variable;
}

}  // namespace sluice
