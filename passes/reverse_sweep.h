#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "sluice/ir/graph.h"

namespace sluice::passes {

/// `origins`, for nodes of the derivative of what stands there.
ir::Origins as_gradient(ir::Origins origins);

/// Reverse accumulation over a range of the nodes that a builder has: takes the adjoints of some of their values, gives
/// those of the values derived by. An adjoint belongs to a value, so a node with several results has as many.
class ReverseSweep {
 public:
  /// Over the nodes [first, end), by `variables`, which are values of these nodes or of earlier ones.
  ReverseSweep(ir::Builder& builder, std::uint32_t first, std::uint32_t end, std::span<const ir::Value> variables);

  /// Adds to the adjoint of `value`. Nothing happens if no derivative passes from it to a variable.
  void add(ir::Value value, ir::Value contribution);
  /// Runs the rules from the last node to the first. Contributions are added in that order.
  void run();
  /// The adjoint that `value` has so far; nothing where it is known to be zero.
  std::optional<ir::Value> adjoint(ir::Value value);

 private:
  struct Slot {
    bool reached = false;
    std::optional<ir::Value> adjoint;
  };

  /// The slot of a value of the range, or of a variable before it; null for other values.
  Slot* find(ir::Value value);
  bool is_reached(ir::Value value);
  bool wants(ir::Value operand);

  ir::Builder& builder_;
  std::uint32_t first_;
  std::vector<std::vector<Slot>> slots_;  // of each node of the range, for each result
  std::map<ir::Value, Slot> before_;      // of the variables before the range
};

}  // namespace sluice::passes
