#pragma once

#include <cstdint>
#include <vector>

#include "sluice/ir/graph.h"

// The derivative of each op: one function for each row of ops.def that is kDifferentiable, by the name
// `gradient_of_kAdd`. A missing one breaks the build.
namespace sluice::passes {

/// One node on the way back from y: its parts, the adjoint of its result, and where the contributions to the adjoints
/// of its operands go.
class GradientContext {
 public:
  GradientContext(ir::Builder& builder, std::uint32_t node, ir::Value adjoint, const std::vector<bool>& reached);

  ir::Builder& builder;  ///< makes nodes with the origins of this one
  const ir::Node node;   ///< a copy: the graph grows while the rule runs
  const ir::Value result;
  const ir::Value adjoint;  ///< the derivative of y by the result, of the result's type

  ir::Value operand(std::size_t i) const { return node.operands[i]; }
  const Type& operand_type(std::size_t i) const { return builder.type(node.operands[i]); }
  const Type& type() const { return node.types[0]; }
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
