#pragma once

#include <functional>
#include <initializer_list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <source_location>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/detail/effects.h"
#include "sluice/ir/graph.h"
#include "sluice/runtime/variable.h"
#include "sluice/tensor.h"

namespace sluice {

/// A line of the DSL's call stack during its lifetime: every public function opens one with the line of its call, so
/// that the nodes created inside point to the user. Per thread.
class Scope {
 public:
  explicit Scope(const std::source_location& where);
  ~Scope();
  Scope(const Scope&) = delete;
  Scope& operator=(const Scope&) = delete;

  /// Returns the innermost line outside Sluice, or an unknown location.
  static Location user();
};

/// Throws Error at the user's line.
[[noreturn]] void fail_at_user(const std::string& message);
/// The same; the message continues with the types of `operands` and the lines that created them.
[[noreturn]] void fail_at_user(const std::string& message, std::span<const Tensor> operands);
/// Throws Error at the user's line if a function is being traced: `call` would then happen once, not on each call.
void check_not_traced(std::string_view call);

/// Warns on stderr about a likely mistake that may be intended, with the user's line; each message once per process.
void warn_at_user(const std::string& message);

/// Held while a function is traced: traces modify modules, which only one thread at a time may do. Recursive, because a
/// traced function may run another.
std::recursive_mutex& tracing_lock();

/// The bounds that a traced function requires of an argument that contains indices.
struct ExpectedIndices {
  std::size_t argument;
  std::int64_t limit;                  ///< each element is in [0, limit)
  std::string what;                    ///< "label"
  std::string of;                      ///< the objects that the indices number: "classes of the logits"
  std::optional<std::int64_t> except;  ///< a number outside of the range that is also accepted
  Location where;                      ///< the user's line that requires it
};

/// The rows of a table in which a gradient with respect to it may differ from zero.
struct TouchedRows {
  Tensor indices;              ///< integers of any shape, in which a row may occur more than once
  std::optional<Tensor> rows;  ///< [indices, ...]: the gradient is zeros with these added, if that is known
};

/// A node gather(table, indices).
struct Lookup {
  Tensor rows;
  Tensor indices;
};

/// A variable whose trainability a trace has queried, and the answer.
struct AskedTrainable {
  std::shared_ptr<runtime::VariableStorage> variable;
  bool trainable;
};

/// The tracing of one function, from the constructor to finish(). It is its thread's current trace. If it is destroyed
/// before finish() (by an exception), everything registered with on_failure is undone, latest first.
class Trace {
 public:
  explicit Trace(std::string name);
  /// Traces a function inside the current trace, isolated from it: it may use only its parameters. Using anything else
  /// is an error whose message begins with `what`.
  Trace(std::string name, std::string what);
  ~Trace();
  Trace(const Trace&) = delete;
  Trace& operator=(const Trace&) = delete;

  /// Returns the innermost trace of this thread, or null.
  static Trace* current();
  /// The same, but throws Error if `what` is used outside a function.
  static Trace& required(std::string_view what);

  const std::string& name() const { return builder_.graph().name(); }
  /// The symbols that parameters have.
  const std::vector<Symbol>& symbols() const { return symbols_; }

  Tensor parameter(std::string name, const Type& type, std::optional<ir::Range> range);

  /// Appends a node. Throws Error at the user's line, with the lines that created the operands, if they do not fit or
  /// belong to another trace.
  Tensor add(ir::Op op, std::initializer_list<Tensor> operands, ir::Attributes attributes = {});
  Tensor add(ir::Op op, std::span<const Tensor> operands, ir::Attributes attributes = {});
  /// The same for a node with several results.
  std::vector<Tensor> add_node(ir::Op op, std::span<const Tensor> operands, ir::Attributes attributes = {});

  /// Appends the nodes of `graph`, which has no updates, with these inputs, and variables in place of its states;
  /// returns the counterparts of its values `wanted`. Where the inputs have a static size in place of B, so do the
  /// nodes. Throws Error at the user's line, starting with the graph's name, if they do not fit.
  std::vector<Tensor> inline_graph(const ir::Graph& graph, std::span<const Tensor> inputs,
                                   const runtime::Variables& variables, std::span<const ir::Value> wanted);

  /// Appends the nodes of `graph`, which has no states, unchanged, with these inputs; returns its results.
  std::vector<Tensor> append(const ir::Graph& graph, std::span<const Tensor> inputs);

  /// Reads the variable: its value before the call, or the last value assigned, through which no derivative passes.
  Tensor read(const std::shared_ptr<runtime::VariableStorage>& variable);
  /// Returns the distinct tensors that read() has returned for this variable so far, the state first.
  std::vector<Tensor> reads(const std::shared_ptr<runtime::VariableStorage>& variable);
  void assign(const std::shared_ptr<runtime::VariableStorage>& variable, const Tensor& value);

  /// Returns the end of an error message: a line for each operand of this trace, with its type and the line that
  /// created it.
  std::string notes(std::span<const Tensor> operands) const;

  /// Returns for each of `on` whether `y` depends on it along a path that derivatives pass.
  std::vector<bool> depends(const Tensor& y, std::span<const Tensor> on) const;
  /// Returns how messages refer to a tensor: by the name of its variable, or by its type.
  std::string describe(const Tensor& tensor) const;
  bool assigned(const std::shared_ptr<runtime::VariableStorage>& variable) const;
  /// Returns the names of the trainable variables that `y` depends on, along a path that derivatives pass, and that
  /// nothing has assigned.
  std::vector<std::string> forgotten(const Tensor& y) const;

  /// Requires `indices` to be in [0, limit), or equal to `except`: if they are an argument of the function, each call
  /// checks them before it runs. Does nothing if they are computed.
  void expect_indices(const Tensor& indices, std::int64_t limit, std::string_view what, std::string_view of,
                      std::optional<std::int64_t> except = {});
  const std::vector<ExpectedIndices>& expected_indices() const { return expected_indices_; }

  /// Records that the trace, and the one around an isolated trace, depends on whether the variable is trainable.
  void note_trainable(const std::shared_ptr<runtime::VariableStorage>& variable, bool trainable);
  const std::vector<AskedTrainable>& asked_trainable() const { return asked_trainable_; }

  /// Records that `tensor` is a derivative with respect to this variable, or computed from one for it.
  void note_derivative(const Tensor& tensor, const std::shared_ptr<runtime::VariableStorage>& variable);
  /// Returns the variable that `tensor` is known to be a derivative with respect to, or null.
  std::shared_ptr<runtime::VariableStorage> derived_by(const Tensor& tensor) const;

  /// Returns the lookups by which `y` depends on the tables; nothing if it depends on one in another way, or on none.
  std::optional<std::vector<Lookup>> lookups(const Tensor& y, std::span<const Tensor> tables) const;
  /// Records the rows in which `gradient` may differ from zero.
  void note_touched(const Tensor& gradient, TouchedRows rows);
  /// The same for a gradient that is zero wherever `from` is.
  void note_touched_as(const Tensor& gradient, const Tensor& from);
  /// Returns what is recorded for `gradient`, or null.
  const TouchedRows* touched(const Tensor& gradient) const;

  /// Records a print or a check of `tensor`.
  void observe(detail::Effect::Kind kind, const Tensor& tensor, std::string text);
  /// Records an effect of another trace, whose values have become these tensors.
  void observe(detail::Effect effect, std::span<const Tensor> values);
  /// The prints and checks in the order of the program.
  const std::vector<detail::Effect>& effects() const { return effects_; }

  void on_failure(std::function<void()> undo) { undo_.push_back(std::move(undo)); }

  /// Ends the trace and returns its graph with `results`, followed by the values of the effects, and the variables' new
  /// values.
  ir::Graph finish(std::span<const Tensor> results);
  /// Returns that graph without the values of the effects; nothing if there are no effects. Requires finish().
  const std::optional<ir::Graph>& without_effects() const { return without_effects_; }
  /// Returns the variables that the trace has read or assigned, in the order of the graph's states.
  runtime::Variables variables() const;

 private:
  struct TracedVariable {
    std::shared_ptr<runtime::VariableStorage> storage;
    ir::Value state;
    ir::Value now;                 ///< the state, or the last value assigned
    std::vector<ir::Value> reads;  ///< the state, then a leaf of the graph for each assigned value that was read
    bool read_now = true;          ///< whether the last of `reads` has the value of `now`
  };

  /// Returns for each node whether `y` depends on it along a path that derivatives pass.
  std::vector<bool> depends_on(ir::Value y) const;
  TracedVariable& traced(const std::shared_ptr<runtime::VariableStorage>& variable);
  ir::Value value_of(const Tensor& tensor, std::string_view what) const;
  Tensor tensor(ir::Value value) const { return {number_, value, builder_.type(value)}; }

  std::uint64_t number_;
  ir::Builder builder_;
  Trace* outer_;
  std::vector<Symbol> symbols_;
  bool finished_ = false;
  std::string isolated_;  ///< prefix of errors about tensors used from outside; empty where using them is allowed
  std::vector<TracedVariable> variables_;
  std::vector<ExpectedIndices> expected_indices_;
  std::vector<AskedTrainable> asked_trainable_;
  std::vector<detail::Effect> effects_;
  std::optional<ir::Graph> without_effects_;
  std::map<ir::Value, std::shared_ptr<runtime::VariableStorage>> derivatives_;
  std::map<ir::Value, TouchedRows> touched_;
  std::vector<std::function<void()>> undo_;
};

}  // namespace sluice
