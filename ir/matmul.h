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

/// Returns whether the body of a kernel computes the rhs of its matmul `product`, which otherwise is a parameter.
inline bool computes_rhs(const Graph& body, const Node& product) {
  return body.node(product.operands[1]).op != Op::kParameter;
}

/// Returns the nodes of the body that the rhs of its matmul `product` is computed by, parameters excluded.
inline std::vector<bool> nodes_of_rhs(const Graph& body, const Node& product) {
  std::vector<bool> marks(body.nodes().size());
  const auto mark = [&](Value value) { marks[value.node] = body.node(value).op != Op::kParameter; };
  mark(product.operands[1]);
  for (std::size_t i = marks.size(); i-- > 0;) {
    if (!marks[i]) continue;
    for (const Value operand : body.nodes()[i].operands) mark(operand);
  }
  return marks;
}

/// Returns the nodes of the body that its epilogue reads, those beside the matmul `product` and its rhs.
inline std::vector<bool> rides_on_product(const Graph& body, const Node& product) {
  const std::vector<bool> for_rhs = nodes_of_rhs(body, product);
  std::vector<bool> marks(body.nodes().size());
  for (std::size_t i = 0; i < marks.size(); ++i) {
    const Node& node = body.nodes()[i];
    if (&node == &product || for_rhs[i]) continue;
    for (const Value operand : node.operands) marks[operand.node] = true;
  }
  return marks;
}

}  // namespace sluice::ir
