#include <algorithm>

#include "ir/kernel_kind.h"
#include "ir/matmul.h"

// What single nodes may be in a kernel's body.
namespace sluice::ir {

std::size_t cheap_size(const Node& node, const std::vector<std::size_t>& sizes) {
  constexpr std::size_t kMost = 16;
  if (node.types.size() != 1 || node.types[0].shape.rank() > 0) return 0;
  if (node.op == Op::kBatchSize || node.op == Op::kConstant) return 1;
  if (!info(node.op).has(kElementwise)) return 0;
  std::size_t size = 1;
  for (const Value operand : node.operands) {
    if (sizes[operand.node] == 0) return 0;
    size += sizes[operand.node];
  }
  return size <= kMost ? size : 0;
}

bool can_feed_rhs(const Node& node) {
  const OpInfo& row = info(node.op);
  if (row.has(kElementwise)) return !row.has(kCostly);
  return node.op == Op::kTranspose || node.op == Op::kSlice;
}

const Node* packable_windows(const Graph& graph, const Node& matmul, std::size_t i) {
  if (matmul.op != Op::kMatmul || matmul.attributes.flag(i == 0 ? Attr::kTransposeA : Attr::kTransposeB))
    return nullptr;
  const Node* const windows = windows_of(graph, matmul, i);
  const Shape& rows = graph.type(matmul.operands[i]).shape;
  if (windows == nullptr || rows.rank() != 2 || rows[1].batch || rows[1].size == 0) return nullptr;
  const Shape& shape = windows->types[0].shape;
  const std::size_t first_tap = static_cast<std::size_t>(windows->attributes.integer(Attr::kAxis)) +
                                windows->attributes.integers(Attr::kSizes).size();
  const Shape row(std::vector<Dim>(shape.begin() + static_cast<std::ptrdiff_t>(first_tap), shape.end()));
  return row.element_count() == rows[1] ? windows : nullptr;
}

}  // namespace sluice::ir
