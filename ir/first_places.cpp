#include "ir/kernel_kind.h"

namespace sluice::ir {

bool is_first_places(const Graph& graph, const Node& slice) {
  if (slice.op != Op::kSlice || graph.node(slice.operands[0]).op != Op::kArgsort) return false;
  const Shape& sorted = graph.type(slice.operands[0]).shape;
  const int last = sorted.rank() - 1;
  if (slice.attributes.integer(Attr::kAxis) != last || sorted[last].batch) return false;
  const Dim limit = slice.attributes.size(Attr::kLimit);
  return slice.attributes.size(Attr::kStart) == Dim(0) && !limit.batch && limit.size > 0;
}

}  // namespace sluice::ir
