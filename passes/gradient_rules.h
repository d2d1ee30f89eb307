#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "sluice/ir/graph.h"

// The derivative of each op: one function for each row of ops.def that is kDifferentiable, by the name
// `gradient_of_kAdd`. A missing one breaks the build.
namespace sluice::passes {

/// One node on the way back from y: its parts, the adjoints of its results, and where the contributions to the adjoints
/// of its operands go.
class GradientContext {
 public:
  /// `node_adjoints` has one for each result of the node, and one at least; `wanted_operands` says of each operand
  /// whether what is derived by depends on it.
  GradientContext(ir::Builder& builder, std::uint32_t node, std::vector<std::optional<ir::Value>> node_adjoints,
                  std::vector<bool> wanted_operands);

  ir::Builder& builder;  ///< makes nodes with the origins of this one
  const ir::Node node;   ///< a copy: the graph grows while the rule runs
  /// The derivative of y by each result, of its type; nothing where it is known to be zero.
  const std::vector<std::optional<ir::Value>> adjoints;
  // Of a node with one result, that and its adjoint.
  const ir::Value result;
  const ir::Value adjoint;

  ir::Value operand(std::size_t i) const { return node.operands[i]; }
  const Type& operand_type(std::size_t i) const { return builder.type(node.operands[i]); }
  const Type& type() const { return node.types[0]; }
  /// The value of result i.
  ir::Value result_at(std::size_t i) const { return {result.node, static_cast<std::uint32_t>(i)}; }
  /// The adjoint of result i, or zeros.
  ir::Value adjoint_or_zeros(std::size_t i) const {
    return adjoints[i] ? *adjoints[i] : builder.full(node.types[i], 0);
  }
  /// Whether operand i is on a path to what is derived by; if not, its derivative need not be made.
  bool wanted(std::size_t i) const { return wanted_[i]; }
  /// Adds to the adjoint of operand i. Nothing happens if it is not wanted.
  void contribute(std::size_t i, ir::Value contribution);

  // Short forms for the rules.
  ir::Value operator()(ir::Op op, std::initializer_list<ir::Value> operands, ir::Attributes attributes = {}) const {
    return builder(op, operands, std::move(attributes));
  }
  /// A constant of the result's type.
  ir::Value number(double value) const { return builder.full(type(), value); }

  struct Contribution {
    ir::Value operand;
    ir::Value value;
  };
  const std::vector<Contribution>& contributions() const { return contributions_; }

 private:
  std::vector<bool> wanted_;
  std::vector<Contribution> contributions_;
};

using GradientRule = void (*)(GradientContext&);

/// The rule of `op`, or null if no derivative passes through it.
GradientRule gradient_rule(ir::Op op);

#define OP(enumerator, ...) void gradient_of_##enumerator(GradientContext& c);
#include "sluice/ir/ops.def"
#undef OP

}  // namespace sluice::passes
