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

/// Returns the node whose windows, perhaps reshaped, are operand `i` of the matmul `product`; null if there is none.
inline const Node* windows_of(const Graph& body, const Node& product, std::size_t i) {
  const Node& operand = body.node(product.operands[i]);
  const Node& windows = operand.op == Op::kReshape ? body.node(operand.operands[0]) : operand;
  return windows.op == Op::kWindows ? &windows : nullptr;
}

/// Returns whether the body of a kernel computes the rhs of its matmul `product` element by element; otherwise it is a
/// parameter or windows over one.
inline bool computes_rhs(const Graph& body, const Node& product) {
  return body.node(product.operands[1]).op != Op::kParameter && windows_of(body, product, 1) == nullptr;
}

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
