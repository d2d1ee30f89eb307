#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "sluice/ir/graph.h"

// The derivative of each op: one function per row of ops.def that is kDifferentiable, named like `gradient_of_kAdd`. A
// missing function breaks the build.
namespace sluice::passes {

/// One node of the backward pass: its parts, the adjoints of its results, and where its contributions to the adjoints
/// of its operands go.
class GradientContext {
 public:
  /// `node_adjoints` has one adjoint per result of the node, and at least one; `wanted_operands` states for each
  /// operand whether it depends on the variables.
  GradientContext(ir::Builder& builder, std::uint32_t node, std::vector<std::optional<ir::Value>> node_adjoints,
                  std::vector<bool> wanted_operands);

  ir::Builder& builder;  ///< makes nodes with the origins of this one
  const ir::Node node;   ///< a copy: the graph grows while the rule runs
  /// The derivative of y with respect to each result, of its type; nothing where it is known to be zero.
  const std::vector<std::optional<ir::Value>> adjoints;
  // For a node with one result: the result and its adjoint.
  const ir::Value result;
  const ir::Value adjoint;

  ir::Value operand(std::size_t i) const { return node.operands[i]; }
  const Type& operand_type(std::size_t i) const { return builder.type(node.operands[i]); }
  const Type& type() const { return node.types[0]; }
  /// Returns the value of result i.
  ir::Value result_at(std::size_t i) const { return {result.node, static_cast<std::uint32_t>(i)}; }
  /// Returns the adjoint of result i, or zeros.
  ir::Value adjoint_or_zeros(std::size_t i) const {
    return adjoints[i] ? *adjoints[i] : builder.full(node.types[i], 0);
  }
  /// Returns whether operand i depends on the variables; if not, its derivative is not needed.
  bool wanted(std::size_t i) const { return wanted_[i]; }
  /// Adds to the adjoint of operand i. Does nothing if the adjoint is not wanted.
  void contribute(std::size_t i, ir::Value contribution);

  // Abbreviations for the rules.
  ir::Value operator()(ir::Op op, std::initializer_list<ir::Value> operands, ir::Attributes attributes = {}) const {
    return builder(op, operands, std::move(attributes));
  }
  /// Returns a constant of the result's type.
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

/// Derives the nodes from `first` on, which compute from the node's operands the `results` that it has: contributes to
/// the adjoints of the operands.
void derive_copy(GradientContext& c, std::uint32_t first, const std::vector<ir::Value>& results);

/// Returns the rule of `op`, or null if no derivative flows through it.
GradientRule gradient_rule(ir::Op op);

#define OP(enumerator, ...) void gradient_of_##enumerator(GradientContext& c);
#include "sluice/ir/ops.def"
#undef OP

}  // namespace sluice::passes
