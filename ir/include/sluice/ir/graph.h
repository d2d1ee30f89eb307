#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_set>
#include <vector>

#include "sluice/ir/op.h"

namespace sluice::ir {

/// A result of a node, by index: node `node` of its graph, result `result` of that node.
struct Value {
  std::uint32_t node = 0;
  std::uint32_t result = 0;
  auto operator<=>(const Value&) const = default;
};

/// The stack of C++ lines that made a node, innermost first, and which of them is the one to show: the first line
/// outside Sluice.
struct CallStack {
  std::vector<Location> frames;
  std::size_t user_frame = 0;

  Location user() const { return user_frame < frames.size() ? frames[user_frame] : Location{}; }
};

/// The source of a node. `gradient`: the node is part of the derivative of the code there.
struct Origin {
  std::shared_ptr<const CallStack> stack;
  bool gradient = false;
};

/// All the places that a node comes from: one for a traced node, several after a pass has merged or fused. No part of
/// its identity.
using Origins = std::vector<Origin>;

/// One place, for nodes made from text or by tests.
Origins origin_at(Location location);
/// Returns the first user's line in `origins`, or an unknown location.
Location user_location(const Origins& origins);
/// Adds the origins of `from` that `to` does not have yet, until it has 16.
void merge_origins(Origins& to, const Origins& from);

struct Node {
  Op op;
  std::vector<Value> operands;
  Attributes attributes;
  std::vector<Type> types;  ///< one a result
  Origins origins;
};

/// The range of an input, for tools that generate inputs: low <= x < high.
struct Range {
  double low = 0;
  double high = 1;
  bool operator==(const Range&) const = default;
};

/// Returns the fault of `range` for values of `dtype`, as in "is empty", or "" if it has none: it needs low < high, and
/// for integers its ends must be values of the dtype.
std::string fault_of(const Range& range, DType dtype);

/// A parameter of the graph, in the order of the call.
struct Parameter {
  std::string name;
  Value value;
  std::optional<Range> range;
};

/// A variable that the graph reads and perhaps updates. `variable` names the variable ("dense_0/w"), `name` the SSA
/// value ("w").
struct State {
  std::string name;
  std::string variable;
  Value value;                  ///< the value before the call
  std::optional<Value> update;  ///< the value after the call, if the graph changes it
  std::optional<Range> range;
  std::optional<Array> init;  ///< a scalar: what all elements are before the first call, if that is known and one value
};

/// A pure function as a list of nodes in SSA form. Append-only: operands precede their users, so node order is
/// topological; only a Builder appends, and it infers and checks types, so no invalid node exists. A pass reads one
/// graph and builds another.
class Graph {
 public:
  const std::string& name() const { return name_; }
  std::span<const Node> nodes() const { return nodes_; }
  const Node& node(std::uint32_t index) const { return nodes_[index]; }
  const Node& node(Value value) const { return nodes_[value.node]; }
  const Type& type(Value value) const { return nodes_[value.node].types[value.result]; }
  std::span<const Parameter> parameters() const { return parameters_; }
  std::span<const State> states() const { return states_; }
  std::span<const Value> results() const { return results_; }

 private:
  friend class Builder;

  std::string name_;
  std::vector<Node> nodes_;
  std::vector<Parameter> parameters_;
  std::vector<State> states_;
  std::vector<Value> results_;
};

/// Makes a graph node by node. Every call checks what it gets: wrong types throw Error at the location of `origins`.
class Builder {
 public:
  explicit Builder(std::string name) { graph_.name_ = std::move(name); }

  // Inputs. A name that is taken, an empty range or an init that is no scalar of the state's dtype is an Error.
  Value parameter(std::string name, Type type, std::optional<Range> range = {}, Origins origins = {});
  Value state(std::string name, std::string variable, Type type, std::optional<Range> range = {},
              std::optional<Array> init = {}, Origins origins = {});

  /// Appends a node; value(s) i of a node with several results are {node, i}.
  Value add(Op op, std::vector<Value> operands, Attributes attributes = {}, Origins origins = {});
  Value operator()(Op op, std::initializer_list<Value> operands, Attributes attributes = {}) {
    return add(op, operands, std::move(attributes), current_origins_);
  }
  /// Appends the nodes of `graph`, which has no states, with `arguments` for its parameters; returns its results. Nodes
  /// without origins get the current ones.
  std::vector<Value> append(const Graph& graph, std::span<const Value> arguments);
  /// Appends a `fused` node of `body`, with the kind that the body is of, if it is of one.
  Value fused(std::vector<Value> operands, std::shared_ptr<const Graph> body, Origins origins = {});
  /// The origins that operator() and the helpers below give to the nodes they make.
  void set_origins(Origins origins) { current_origins_ = std::move(origins); }
  const Origins& current_origins() const { return current_origins_; }
  /// Adds `origins` to the nodes from `first` on.
  void add_origins(std::uint32_t first, const Origins& origins);

  // Nodes that many places need. Each does nothing where there is nothing to do.
  Value constant(Array value);
  Value scalar(DType dtype, double value);     ///< a scalar constant; throws Error if an integer dtype does not hold it
  Value full(const Type& type, double value);  ///< a scalar constant, broadcast to the shape
  Value broadcast(Value x, const Shape& shape);
  Value reshape(Value x, const Shape& shape);
  Value cast(Value x, DType dtype);
  Value reduce_sum(Value x, std::vector<std::int64_t> axes);

  void set_update(Value state, Value value);  ///< throws Error if the types differ or `state` is not a state
  void set_results(std::vector<Value> results);

  const Graph& graph() const { return graph_; }
  const Type& type(Value value) const { return graph_.type(value); }
  Graph finish() &&;

 private:
  void check(Value value) const;
  void check_input(std::string_view kind, const std::string& name, DType dtype,
                   const std::optional<Range>& range) const;

  Graph graph_;
  std::unordered_set<std::string> names_;      // of parameters and states
  std::unordered_set<std::string> variables_;  // of states
  Origins current_origins_;
};

/// Same nodes in the same order with equal ops, operands, attributes and types, same inputs, updates and results. Names
/// of SSA values, origins and the graph's name do not count.
bool equal_structure(const Graph& a, const Graph& b);

/// Returns whether any type in the graph has a symbolic dimension.
bool has_batch(const Graph& graph);

/// Returns a scalar constant's value as a double: a `constant` of one element, or a broadcast or reshape of one.
std::optional<double> splat_value(const Graph& graph, Value value);

/// Infers every node again and checks all that the classes above promise. Throws Error naming the node.
void verify(const Graph& graph);

}  // namespace sluice::ir
