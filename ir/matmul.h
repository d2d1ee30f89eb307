#pragma once

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

}  // namespace sluice::ir
