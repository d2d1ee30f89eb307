#pragma once

#include <concepts>
#include <functional>
#include <initializer_list>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sluice/module.h"

namespace sluice {

/// Selects variables of a model by their names within it, which named_variables() returns: by shell patterns, in which
/// `*` matches any characters, also '/', `?` one, and `[ab]` one of these; or by a predicate.
///
///     VariableFilter({"encoder/*", "*/b"})
///     VariableFilter([](const NamedVariable& w) { return w.variable.type().shape.rank() == 1; })
class VariableFilter {
 public:
  using Predicate = std::function<bool(const NamedVariable& variable)>;

  /// Selects none.
  VariableFilter() = default;
  VariableFilter(const char* pattern) : patterns_{pattern} {}             // NOLINT: reads as its pattern
  VariableFilter(std::string pattern) : patterns_{std::move(pattern)} {}  // NOLINT: reads as its pattern
  VariableFilter(std::initializer_list<const char*> patterns) : patterns_(patterns.begin(), patterns.end()) {}
  template <std::predicate<const NamedVariable&> F>
  VariableFilter(F predicate) : predicate_(std::move(predicate)) {}  // NOLINT: a lambda is a filter

  /// Returns whether it was given neither a pattern nor a predicate.
  bool empty() const { return patterns_.empty() && !predicate_; }
  /// Returns the selected variables of `list`, in its order. Throws Error at the user's line, beginning with `what`, if
  /// a pattern matches none of them.
  std::vector<Variable> select(std::string_view what, const VariableList& list,
                               std::source_location where = std::source_location::current()) const;

 private:
  std::vector<std::string> patterns_;
  Predicate predicate_;
};

/// Freezes the selected weights of a model, or makes them trainable again, as Variable::set_trainable does. Variables
/// that were never trainable stay that way. For use outside functions, once the variables exist. Throws Error at the
/// user's line if a pattern matches no variable.
void set_trainable(const VariableList& model, const VariableFilter& filter, bool trainable,
                   std::source_location where = std::source_location::current());

}  // namespace sluice
