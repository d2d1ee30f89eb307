#include "sluice/variable_filter.h"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <fnmatch.h>

#include <algorithm>

#include "sluice/detail/trace.h"

namespace sluice {

namespace {

bool matches(const std::string& pattern, const std::string& name) {
  return fnmatch(pattern.c_str(), name.c_str(), 0) == 0;
}

[[noreturn]] void fail_without_match(std::string_view what, const std::string& pattern,
                                     const std::vector<NamedVariable>& named) {
  std::vector<std::string> names;
  for (const NamedVariable& variable : named) names.push_back(fmt::format("\"{}\"", variable.name));
  fail_at_user(names.empty() ? fmt::format("{}: \"{}\" matches no variable: there are none", what, pattern)
                             : fmt::format("{}: \"{}\" matches no variable; there are {}", what, pattern,
                                           fmt::join(names, ", ")));
}

}  // namespace

std::vector<Variable> VariableFilter::select(std::string_view what, const VariableList& list,
                                             std::source_location where) const {
  const Scope scope(where);
  const std::vector<NamedVariable> named = list.named();
  for (const std::string& pattern : patterns_) {
    const auto match = [&](const NamedVariable& variable) { return matches(pattern, variable.name); };
    if (std::ranges::none_of(named, match)) fail_without_match(what, pattern, named);
  }
  std::vector<Variable> selected;
  for (const NamedVariable& variable : named) {
    const auto match = [&](const std::string& pattern) { return matches(pattern, variable.name); };
    if (std::ranges::any_of(patterns_, match) || (predicate_ && predicate_(variable))) {
      selected.push_back(variable.variable);
    }
  }
  return selected;
}

void set_trainable(const VariableList& model, const VariableFilter& filter, bool trainable,
                   std::source_location where) {
  const Scope scope(where);
  check_not_traced("set_trainable");
  for (const Variable& variable : filter.select("set_trainable", model)) {
    if (variable.storage()->is_weight()) variable.storage()->set_trainable(trainable);
  }
}

}  // namespace sluice
