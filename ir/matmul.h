#pragma once

#include <vector>

#include "sluice/ir/graph.h"

namespace sluice::ir {

/// The sizes of a matmul: for each index of the batch axes, [M,K] by [K,N], after the transpose flags.
struct MatmulSizes {
  Shape batch;  ///< the axes before the last two; none for operands of rank 2
  Dim m;
  Dim n;
  Dim k;
};

/// Returns the sizes of the matmul `node`, whose lhs is of type `lhs`.
inline MatmulSizes matmul_sizes(const Node& node, const Type& lhs) {
  const Shape& result = node.types[0].shape;
  const int rank = result.rank();
  const int k_axis = node.attributes.flag(Attr::kTransposeA) ? rank - 2 : rank - 1;
  return {Shape(std::vector<Dim>(result.begin(), result.end() - 2)), result[rank - 2], result[rank - 1],
          lhs.shape[k_axis]};
}

/// Returns whether the body of a kernel computes operand `i` of its matmul `product`, which otherwise is a parameter.
inline bool computes_operand(const Graph& body, const Node& product, std::size_t i) {
  return body.node(product.operands[i]).op != Op::kParameter;
}
inline bool computes_rhs(const Graph& body, const Node& product) { return computes_operand(body, product, 1); }

/// Returns the nodes of the body that operand `i` of its matmul `product` is computed by, parameters excluded.
inline std::vector<bool> nodes_of_operand(const Graph& body, const Node& product, std::size_t i) {
  std::vector<bool> marks(body.nodes().size());
  const auto mark = [&](Value value) { marks[value.node] = body.node(value).op != Op::kParameter; };
  mark(product.operands[i]);
  for (std::size_t node = marks.size(); node-- > 0;) {
    if (!marks[node]) continue;
    for (const Value operand : body.nodes()[node].operands) mark(operand);
  }
  return marks;
}

/// Returns the node whose windows, perhaps reshaped, are the lhs of the body's matmul `product`; null if the lhs is a
/// parameter.
inline const Node* windows_of_lhs(const Graph& body, const Node& product) {
  const Node& lhs = body.node(product.operands[0]);
  if (lhs.op == Op::kParameter) return nullptr;
  return lhs.op == Op::kReshape ? &body.node(lhs.operands[0]) : &lhs;
}

/// Returns the nodes of the body that its epilogue reads, those beside the matmul `product` and what
/// computes its operands.
inline std::vector<bool> rides_on_product(const Graph& body, const Node& product) {
  const std::vector<bool> for_lhs = nodes_of_operand(body, product, 0);
  const std::vector<bool> for_rhs = nodes_of_operand(body, product, 1);
  std::vector<bool> marks(body.nodes().size());
  for (std::size_t i = 0; i < marks.size(); ++i) {
    const Node& node = body.nodes()[i];
    if (&node == &product || for_lhs[i] || for_rhs[i]) continue;
    for (const Value operand : node.operands) marks[operand.node] = true;
  }
  return marks;
}

}  // namespace sluice::ir
