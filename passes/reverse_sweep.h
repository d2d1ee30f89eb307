#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "sluice/ir/graph.h"

namespace sluice::passes {

/// Returns `origins` marked as `gradient`, for the nodes of a derivative.
ir::Origins as_gradient(ir::Origins origins);

/// Reverse accumulation over a range of a builder's nodes: takes the adjoints of some of their values and yields those
/// of the variables. An adjoint belongs to a value, so a node with several results has several.
class ReverseSweep {
 public:
  /// Differentiates the nodes [first, end) with respect to `variables`, which are values of these nodes or of earlier
  /// ones.
  ReverseSweep(ir::Builder& builder, std::uint32_t first, std::uint32_t end, std::span<const ir::Value> variables);

  /// Adds to the adjoint of `value`. Does nothing if no derivative flows from it to a variable.
  void add(ir::Value value, ir::Value contribution);
  /// Runs the rules from the last node to the first. Contributions are added in that order.
  void run();
  /// Returns the adjoint of `value` so far, or nothing if it is known to be zero.
  std::optional<ir::Value> adjoint(ir::Value value);

 private:
  struct Slot {
    bool reached = false;
    std::optional<ir::Value> adjoint;
  };

  /// Returns the slot of a value in the range or of a variable before it, or null.
  Slot* find(ir::Value value);
  bool is_reached(ir::Value value);
  bool wants(ir::Value operand);

  ir::Builder& builder_;
  std::uint32_t first_;
  std::vector<std::vector<Slot>> slots_;  // of each node of the range, for each result
  std::map<ir::Value, Slot> before_;      // of the variables before the range
};

}  // namespace sluice::passes
