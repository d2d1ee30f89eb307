#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "sluice/variable.h"

namespace sluice {

/// What has variables: layers, models, optimizers. C++ has no reflection, so a module says in its constructor what it
/// holds, by register_variable and register_module, and makes variables whose size it learns on its first call by
/// lazy_variable. A handle: copies of a module share its variables, as copies of a Variable do.
class Module {
 public:
  /// All variables of this module and of those inside it, each once, in the order of registration.
  std::vector<Variable> variables() const;
  /// Those that are trainable.
  std::vector<Variable> trainable_variables() const;

 protected:
  /// `kind` begins the names of its variables: "dense" makes "dense_0/w".
  explicit Module(std::string_view kind = "module") : state_(std::make_shared<State>(std::string(kind))) {}
  Module(const Module&) = default;
  Module& operator=(const Module&) = default;
  ~Module() = default;

  /// Takes `variable` among its variables and gives it back.
  Variable register_variable(const Variable& variable);
  /// Takes the variables of `module`, now and later, among its own. Throws Error if that would make a circle.
  void register_module(const Module& module);
  /// The variable that this module calls `name`; at the first call, a new one that begins as `initial()`. If the trace
  /// of that call fails, the module is as it was.
  Variable lazy_variable(std::string_view name, const std::function<Array()>& initial, VariableOptions options = {});
  /// The variable that this module calls `name`, if it has been made.
  const Variable* find_variable(std::string_view name) const;

 private:
  struct State;
  using Member = std::variant<Variable, std::shared_ptr<State>>;
  struct State {
    explicit State(std::string of_kind) : kind(std::move(of_kind)) {}
    std::string kind;
    std::string scope;  ///< "dense_0", from the first lazy variable on
    std::vector<Member> members;
    std::vector<std::pair<std::string, Variable>> lazy;
  };

  static void collect(const State& state, std::vector<Variable>& out);
  static bool reaches(const State& from, const State& to);
  static bool same(const Member& a, const Member& b);
  void add(Member member);

  std::shared_ptr<State> state_;
};

}  // namespace sluice
