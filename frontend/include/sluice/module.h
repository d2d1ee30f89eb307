#pragma once

#include <concepts>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <memory>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "sluice/detail/clone.h"
#include "sluice/variable.h"

namespace sluice {

class Module;

/// A variable and its name within a module: "dense_0/w". The name depends only on the module's own structure.
struct NamedVariable {
  std::string name;
  Variable variable;
};

namespace detail {

struct ModuleState;

struct Member {
  std::variant<Variable, Handle<ModuleState>> what;
  std::string name = {};  ///< of a variable: its name within the module
  bool lazy = false;      ///< a variable created by lazy_variable or slot
  /// The variable that it was created for. Not a handle: a clone of an optimizer serves the same variables.
  std::shared_ptr<runtime::VariableStorage> beside = nullptr;
};

struct ModuleState {
  explicit ModuleState(std::string of_kind) : kind(std::move(of_kind)) {}

  std::string kind;
  std::string name;  ///< "dense_0", from the first module that holds it; or the user's name
  std::string path;  ///< of the modules around it: "encoder/block_0"
  bool held = false;
  bool frozen = false;  ///< new weights are not trained
  std::vector<Member> members;
};

}  // namespace detail

/// Variables, given by their holders: a variable, a module, or several of both in braces: {encoder, decoder, w}.
/// Modules are asked for their variables when those are needed, so a list may be created before their first call.
class VariableList {
 public:
  VariableList() = default;
  VariableList(const Variable& variable) : members_{{variable, variable.name()}} {}  // NOLINT: a list of one
  VariableList(const Module& module);                                                // NOLINT: stands for what it holds
  VariableList(const std::vector<Variable>& variables);                              // NOLINT: reads as the list it is
  VariableList(std::initializer_list<VariableList> lists);

  /// Returns each variable once, in the order of the list.
  std::vector<Variable> all() const;
  /// Returns those that are trainable.
  std::vector<Variable> trainable() const;
  /// Returns the targets of differentiation, each once: the trainable variables of listed modules, and every variable
  /// that is listed itself, trainable or not.
  std::vector<Variable> targets() const;
  /// Returns all of them, each once, with distinct names. Variables of a single module are named as within it; with
  /// several modules, each name starts with the module's: "dense_0/w" is "sequential_0/dense_0/w".
  std::vector<NamedVariable> named() const;

 private:
  std::vector<detail::Member> members_;
};

/// Anything that has variables: layers, models, optimizers. C++ has no reflection, so a module declares in its
/// constructor what it holds, with register_variable and register_module, and creates variables whose size it learns on
/// its first call with lazy_variable. A handle: copies of a module share its variables, as copies of a Variable do, and
/// a const module may be called. clone() creates an independent one.
class Module {
 public:
  /// Returns all variables of this module and of those inside it, each once, in the order of registration.
  std::vector<Variable> variables() const { return VariableList(*this).all(); }
  /// Returns those that are trainable.
  std::vector<Variable> trainable_variables() const { return VariableList(*this).trainable(); }
  /// Returns all variables with their names in this module: "dense_0/w", whatever else the program has created.
  std::vector<NamedVariable> named_variables() const { return VariableList(*this).named(); }

  /// Freezes all weights, including those created later, or makes them trainable again; see Variable::set_trainable.
  /// Variables that were never trainable, such as counters, stay that way.
  void set_trainable(bool trainable, std::source_location where = std::source_location::current()) const;
  /// Sets the prefix of the names of variables created from now on: "encoder" makes "encoder/dense_0/w".
  void set_name(std::string_view name) const;
  const std::string& kind() const { return state_->kind; }

 protected:
  /// `kind` is the prefix of its variables' names: "dense" makes "dense_0/w", where 0 counts the modules of this kind
  /// in the one that holds it.
  explicit Module(std::string_view kind = "module")
      : state_(std::make_shared<detail::ModuleState>(std::string(kind))) {}
  Module(const Module&) = default;
  Module(Module&&) = default;
  Module& operator=(const Module&) = default;
  Module& operator=(Module&&) = default;
  ~Module() = default;

  /// Adds `variable` to its variables and returns it.
  Variable register_variable(const Variable& variable) const;
  /// Adds the variables of `module`, present and future, to its own. Each layer that a module has as a member needs
  /// this call: without it the layer works, but its variables are neither trained nor saved with the module, and
  /// nothing says so, because a step may leave out other modules on purpose. named_variables() lists what it
  /// holds. Throws Error if that would create a cycle.
  void register_module(const Module& module) const;
  /// Returns the variable that this module calls `name`; the first call creates it with the value `initial()`. If the
  /// trace of that call fails, the module is left unchanged.
  Variable lazy_variable(std::string_view name, const std::function<Array()>& initial,
                         VariableOptions options = {}) const;
  /// The same for one of several called `name`, each created for another variable: "dense_0/w/m" belongs to
  /// "dense_0/w".
  Variable lazy_variable_beside(const Variable& variable, std::string_view name, const std::function<Array()>& initial,
                                VariableOptions options = {}) const;
  /// Returns the variable that this module calls `name`, or null if it does not exist yet.
  const Variable* find_variable(std::string_view name) const;

 private:
  friend class VariableList;

  Variable find_or_make(const std::string& name, const std::shared_ptr<runtime::VariableStorage>& beside,
                        const std::function<Array()>& initial, VariableOptions options) const;
  void add_member(detail::Member member) const;

  detail::Handle<detail::ModuleState> state_;
};

/// Returns all variables of modules and of everything else listed: variables_of(encoder, decoder, w).
template <typename... Holders>
std::vector<Variable> variables_of(const Holders&... holders) {
  return VariableList{VariableList(holders)...}.all();
}

/// Returns a hash (64-bit FNV-1a) of the bits of all elements, for comparing two runs.
std::uint64_t hash_of(const VariableList& variables);

/// Returns a module that does the same and shares nothing with `module`: its variables are new, with the same names and
/// values. Everything that the module holds by value is cloned with it; whatever its lambdas refer to is not.
template <std::derived_from<Module> T>
T clone(const T& module) {
  const detail::Cloning cloning;
  return module;
}

/// Returns a line for the module, and one for each of its variables.
std::string to_string(const Module& module);

template <typename T>
requires std::derived_from<T, Module>
inline constexpr bool prints_by_to_string<T> = true;

}  // namespace sluice

template <typename T>
requires std::derived_from<T, sluice::Module>
struct fmt::formatter<T> : sluice::ByToString<T> {
};
