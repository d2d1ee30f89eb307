#pragma once

#include <cstdint>
#include <vector>

#include "sluice/ir/graph.h"

namespace sluice::passes {

/// Builds a new graph from an old one, with a map from the old values to the new. The inputs exist from the start:
/// parameters first, then states, all with their names and hints, because they are part of the signature.
class Rebuild {
 public:
  explicit Rebuild(const ir::Graph& from);

  ir::Builder& builder() { return builder_; }
  /// Returns the new value for `old`; an internal error if there is none yet.
  ir::Value at(ir::Value old) const;
  void map(ir::Value old, ir::Value now) { values_[old.node][old.result] = now; }
  /// The operands of an old node, in the new graph.
  std::vector<ir::Value> operands(std::uint32_t node) const;
  /// Appends the same node with the new operands and maps its results. Does nothing for inputs, which exist already.
  void copy(std::uint32_t node);
  void copy(std::uint32_t node, ir::Origins origins);
  /// Sets updates and results as in the old graph, and drops what nothing reads. `moved`, if given, receives for each
  /// built node that is live its index in the finished graph.
  ir::Graph finish(std::vector<std::uint32_t>* moved = nullptr) &&;

 private:
  friend ir::Graph remove_dead(const ir::Graph& graph);
  ir::Graph finish_with_dead_nodes() &&;

  const ir::Graph& from_;
  ir::Builder builder_;
  std::vector<std::vector<ir::Value>> values_;
};

/// Appends an input of `from` to another graph, with everything that the signature says about it.
ir::Value copy_input(ir::Builder& builder, const ir::Graph& from, const ir::Parameter& parameter);
ir::Value copy_input(ir::Builder& builder, const ir::Graph& from, const ir::State& state);

/// Returns which nodes the results and updates need; inputs are always needed.
std::vector<bool> live_nodes(const ir::Graph& graph);

/// The pass `dce`: returns the graph without the nodes that nothing reads.
ir::Graph remove_dead(const ir::Graph& graph);

}  // namespace sluice::passes
