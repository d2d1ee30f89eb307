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

/// A variable and what a module calls it: "dense_0/w". The name depends on nothing but the module's own structure.
struct NamedVariable {
  std::string name;
  Variable variable;
};

namespace detail {

struct ModuleState;

struct Member {
  std::variant<Variable, Handle<ModuleState>> what;
  std::string name = {};  ///< of a variable: its name in the module
  bool lazy = false;      ///< a variable that lazy_variable or slot has made
  /// The variable beside which it was made. Not a handle: a clone of an optimizer is one for the same variables.
  std::shared_ptr<runtime::VariableStorage> beside = nullptr;
};

struct ModuleState {
  explicit ModuleState(std::string of_kind) : kind(std::move(of_kind)) {}

  std::string kind;
  std::string name;  ///< "dense_0", from the first module that holds it; or what the user calls it
  std::string path;  ///< of the modules around it: "encoder/block_0"
  bool held = false;
  bool frozen = false;  ///< new weights are not trained
  std::vector<Member> members;
};

}  // namespace detail

/// Variables, by whatever holds them: a variable, a module, several of both in braces: {encoder, decoder, w}. Modules
/// are asked for theirs when those are needed, so it may be made before their first call.
class VariableList {
 public:
  VariableList() = default;
  VariableList(const Variable& variable) : members_{{variable, variable.name()}} {}  // NOLINT: a list of one
  VariableList(const Module& module);                                                // NOLINT: stands for what it holds
  VariableList(const std::vector<Variable>& variables);                              // NOLINT: reads as the list it is
  VariableList(std::initializer_list<VariableList> lists);

  /// Each variable once, in the order of the list.
  std::vector<Variable> all() const;
  /// Those that are trainable.
  std::vector<Variable> trainable() const;
  /// Those to derive by: of modules the trainable ones, and all that are listed themselves.
  std::vector<Variable> targets() const;
  /// All of them, each once, with different names. Those of the only module are named as in it; of several modules,
  /// each name begins with the module's: "dense_0/w" is "sequential_0/dense_0/w".
  std::vector<NamedVariable> named() const;

 private:
  std::vector<detail::Member> members_;
};

/// What has variables: layers, models, optimizers. C++ has no reflection, so a module says in its constructor what it
/// holds, by register_variable and register_module, and makes variables whose size it learns on its first call by
/// lazy_variable. A handle: copies of a module share its variables, as copies of a Variable do, and a const module may
/// be called, too. clone() makes another one.
class Module {
 public:
  /// All variables of this module and of those inside it, each once, in the order of registration.
  std::vector<Variable> variables() const { return VariableList(*this).all(); }
  /// Those that are trainable.
  std::vector<Variable> trainable_variables() const { return VariableList(*this).trainable(); }
  /// All variables with their names in this module: "dense_0/w" whatever else the program has made.
  std::vector<NamedVariable> named_variables() const { return VariableList(*this).named(); }

  /// Freezes all weights, those that are made later too, or has them trained again; see Variable::set_trainable. What
  /// was never trainable, such as a counter, stays so.
  void set_trainable(bool trainable, std::source_location where = std::source_location::current()) const;
  /// Begins the names of its variables, of those that are made from now on: "encoder" makes "encoder/dense_0/w".
  void set_name(std::string_view name) const;
  const std::string& kind() const { return state_->kind; }

 protected:
  /// `kind` begins the names of its variables: "dense" makes "dense_0/w", where 0 counts the modules of this kind in
  /// the one that holds it.
  explicit Module(std::string_view kind = "module")
      : state_(std::make_shared<detail::ModuleState>(std::string(kind))) {}
  Module(const Module&) = default;
  Module(Module&&) = default;
  Module& operator=(const Module&) = default;
  Module& operator=(Module&&) = default;
  ~Module() = default;

  /// Takes `variable` among its variables and gives it back.
  Variable register_variable(const Variable& variable) const;
  /// Takes the variables of `module`, now and later, among its own. Throws Error if that would make a circle.
  void register_module(const Module& module) const;
  /// The variable that this module calls `name`; at the first call, a new one that begins as `initial()`. If the trace
  /// of that call fails, the module is as it was.
  Variable lazy_variable(std::string_view name, const std::function<Array()>& initial,
                         VariableOptions options = {}) const;
  /// The same for one of several called `name`, each beside another variable: "dense_0/w/m" is beside "dense_0/w".
  Variable lazy_variable_beside(const Variable& variable, std::string_view name, const std::function<Array()>& initial,
                                VariableOptions options = {}) const;
  /// The variable that this module calls `name`, if it has been made.
  const Variable* find_variable(std::string_view name) const;

 private:
  friend class VariableList;

  Variable find_or_make(const std::string& name, const std::shared_ptr<runtime::VariableStorage>& beside,
                        const std::function<Array()>& initial, VariableOptions options) const;
  void add_member(detail::Member member) const;

  detail::Handle<detail::ModuleState> state_;
};

/// All variables of modules and of what else is listed: variables_of(encoder, decoder, w).
template <typename... Holders>
std::vector<Variable> variables_of(const Holders&... holders) {
  return VariableList{VariableList(holders)...}.all();
}

/// A hash (64-bit FNV-1a) of the bits of all elements, to compare two runs.
std::uint64_t hash_of(const VariableList& variables);

/// A module that does the same and shares nothing with `module`: its variables are new, with the same names and values.
/// All that the module holds by value is cloned with it, whereas what its lambdas refer to stays the old.
template <std::derived_from<Module> T>
T clone(const T& module) {
  const detail::Cloning cloning;
  return module;
}

/// A line for the module, and one for each of its variables.
std::string to_string(const Module& module);

template <typename T>
  requires std::derived_from<T, Module>
inline constexpr bool prints_by_to_string<T> = true;

}  // namespace sluice

template <typename T>
  requires std::derived_from<T, sluice::Module>
struct fmt::formatter<T> : sluice::ByToString<T> {};
