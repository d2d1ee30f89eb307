#include "sluice/module.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <set>

#include "sluice/detail/trace.h"

namespace sluice {

namespace {

using detail::Member;
using detail::ModuleState;
using Inner = detail::Handle<ModuleState>;

const ModuleState* inner_of(const Member& member) {
  const auto* const inner = std::get_if<Inner>(&member.what);
  return inner == nullptr ? nullptr : &**inner;
}

std::string join(const std::string& path, const std::string& name) {
  return path.empty() || name.empty() ? path + name : path + "/" + name;
}

void add_once(std::vector<Variable>& out, const Variable& variable) {
  if (std::ranges::none_of(out, [&](const Variable& other) { return other.is(variable); })) out.push_back(variable);
}

void collect(const std::vector<Member>& members, std::vector<Variable>& out) {
  for (const Member& member : members) {
    if (const ModuleState* const inner = inner_of(member)) {
      collect(inner->members, out);
    } else {
      add_once(out, std::get<Variable>(member.what));
    }
  }
}

/// Returns distinct names of the members, in order: "dense_0" and "dense_1" for modules without a name.
std::vector<std::string> local_names(const std::vector<Member>& members) {
  std::map<std::string, int> of_kind;
  std::set<std::string> used;
  std::vector<std::string> names;
  for (const Member& member : members) {
    std::string wanted = member.name;
    if (const ModuleState* const inner = inner_of(member)) {
      const int number = of_kind[inner->kind]++;
      wanted = inner->name.empty() ? fmt::format("{}_{}", inner->kind, number) : inner->name;
    }
    std::string name = wanted;
    for (int i = 1; !used.insert(name).second; ++i) name = fmt::format("{}_{}", wanted, i);
    names.push_back(std::move(name));
  }
  return names;
}

void collect_named(const std::vector<Member>& members, const std::string& path, std::vector<NamedVariable>& out) {
  const std::vector<std::string> names = local_names(members);
  for (std::size_t i = 0; i < members.size(); ++i) {
    const std::string name = join(path, names[i]);
    if (const ModuleState* const inner = inner_of(members[i])) {
      collect_named(inner->members, name, out);
      continue;
    }
    const Variable& variable = std::get<Variable>(members[i].what);
    const auto is_it = [&](const NamedVariable& other) { return other.variable.is(variable); };
    if (std::ranges::none_of(out, is_it)) out.push_back({name, variable});
  }
}

bool reaches(const ModuleState& from, const ModuleState& to) {
  if (&from == &to) return true;
  return std::ranges::any_of(from.members, [&](const Member& member) {
    const ModuleState* const inner = inner_of(member);
    return inner != nullptr && reaches(*inner, to);
  });
}

bool same(const Member& a, const Member& b) {
  if (a.what.index() != b.what.index()) return false;
  if (inner_of(a) != nullptr) return inner_of(a) == inner_of(b);
  return std::get<Variable>(a.what).is(std::get<Variable>(b.what));
}

/// Updates the paths of the modules inside.
void set_paths(const ModuleState& state) {
  for (const Member& member : state.members) {
    const auto* const inner = std::get_if<Inner>(&member.what);
    if (inner == nullptr) continue;
    (*inner)->path = join(state.path, state.name);
    set_paths(**inner);
  }
}

void freeze(ModuleState& state, bool trainable) {
  state.frozen = !trainable;
  for (const Member& member : state.members) {
    if (const auto* const inner = std::get_if<Inner>(&member.what)) {
      freeze(**inner, trainable);
      continue;
    }
    runtime::VariableStorage& storage = *std::get<Variable>(member.what).storage();
    if (storage.is_weight()) storage.set_trainable(trainable);
  }
}

}  // namespace

VariableList::VariableList(const Module& module) : members_{{module.state_}} {}

VariableList::VariableList(const std::vector<Variable>& variables) {
  for (const Variable& variable : variables) members_.push_back({variable, variable.name()});
}

VariableList::VariableList(std::initializer_list<VariableList> lists) {
  for (const VariableList& list : lists) members_.insert(members_.end(), list.members_.begin(), list.members_.end());
}

std::vector<Variable> VariableList::all() const {
  std::vector<Variable> variables;
  collect(members_, variables);
  return variables;
}

std::vector<Variable> VariableList::trainable() const {
  std::vector<Variable> variables = all();
  std::erase_if(variables, [](const Variable& variable) { return !variable.trainable(); });
  return variables;
}

std::vector<Variable> VariableList::targets() const {
  std::vector<Variable> targets;
  for (const Member& member : members_) {
    if (inner_of(member) == nullptr) {
      add_once(targets, std::get<Variable>(member.what));
      continue;
    }
    std::vector<Variable> inside;
    collect({member}, inside);
    for (const Variable& variable : inside) {
      if (variable.trainable()) add_once(targets, variable);
    }
  }
  return targets;
}

std::vector<NamedVariable> VariableList::named() const {
  std::vector<NamedVariable> named;
  const bool is_module = members_.size() == 1 && inner_of(members_[0]) != nullptr;
  collect_named(is_module ? inner_of(members_[0])->members : members_, "", named);
  return named;
}

void Module::set_trainable(bool trainable, std::source_location where) const {
  const Scope scope(where);
  check_not_traced("set_trainable");
  freeze(*state_, trainable);
}

void Module::set_name(std::string_view name) const {
  state_->name = name;
  set_paths(*state_);
}

void Module::add_member(Member member) const {
  if (std::ranges::any_of(state_->members, [&](const Member& other) { return same(other, member); })) return;
  if (Trace::current() != nullptr) {
    Trace::current()->on_failure([state = state_, member] {
      std::erase_if(state->members, [&](const Member& other) { return same(other, member); });
    });
  }
  state_->members.push_back(std::move(member));
}

Variable Module::register_variable(const Variable& variable) const {
  add_member({variable, variable.name()});
  return variable;
}

void Module::register_module(const Module& module) const {
  if (reaches(*module.state_, *state_)) {
    fail_at_user(fmt::format("register_module: the module of kind \"{}\" would hold itself", state_->kind));
  }
  add_member({module.state_});
  ModuleState& inner = *module.state_;
  if (state_->frozen) freeze(inner, false);
  if (std::exchange(inner.held, true)) return;  // the first module that holds it names its variables
  if (inner.name.empty()) inner.name = local_names(state_->members).back();
  set_paths(*state_);
}

const Variable* Module::find_variable(std::string_view name) const {
  for (const Member& member : state_->members) {
    if (member.lazy && member.beside == nullptr && member.name == name) return &std::get<Variable>(member.what);
  }
  return nullptr;
}

Variable Module::find_or_make(const std::string& name, const std::shared_ptr<runtime::VariableStorage>& beside,
                              const std::function<Array()>& initial, VariableOptions options) const {
  for (const Member& member : state_->members) {
    if (member.lazy && member.beside == beside && member.name == name) return std::get<Variable>(member.what);
  }
  const std::string whole = join(state_->path, state_->name);
  const Variable variable(fmt::format("{}/{}", whole.empty() ? state_->kind + "_0" : whole, name), initial(), options);
  if (state_->frozen && options.trainable) variable.storage()->set_trainable(false);
  add_member({variable, name, true, beside});
  return variable;
}

Variable Module::lazy_variable(std::string_view name, const std::function<Array()>& initial,
                               VariableOptions options) const {
  return find_or_make(std::string(name), nullptr, initial, options);
}

Variable Module::lazy_variable_beside(const Variable& variable, std::string_view name,
                                      const std::function<Array()>& initial, VariableOptions options) const {
  return find_or_make(fmt::format("{}/{}", variable.name(), name), variable.storage(), initial, options);
}

std::uint64_t hash_of(const VariableList& variables) {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (const Variable& variable : variables.all()) {
    const Array value = variable.value();
    for (std::size_t i = 0; i < value.byte_count(); ++i) {
      hash = (hash ^ static_cast<std::uint64_t>(value.bytes()[i])) * 0x100000001b3;
    }
  }
  return hash;
}

std::string to_string(const Module& module) {
  const std::vector<NamedVariable> variables = module.named_variables();
  std::int64_t elements = 0;
  std::string lines;
  for (const auto& [name, variable] : variables) {
    elements += variable.type().shape.element_count().size;
    lines += fmt::format("\n  {}: {}{}", name, to_string(variable.type()), variable.trainable() ? "" : ", not trained");
  }
  return fmt::format("{}: {} variable{}, {} element{}{}", module.kind(), variables.size(),
                     variables.size() == 1 ? "" : "s", elements, elements == 1 ? "" : "s", lines);
}

}  // namespace sluice
