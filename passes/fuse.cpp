#include "passes/fuse.h"

#include <algorithm>
#include <array>
#include <utility>

#include "ir/matmul.h"
#include "passes/divide_grouped_products.h"
#include "passes/fuse_groups.h"
#include "passes/inline_bodies.h"
#include "passes/rebuild.h"

namespace sluice::passes {

namespace {

/// A concat's kernel looks for each element in each operand, so that one of many operands would take quadratic time.
constexpr std::size_t kMostConcatOperands = 16;

/// Appends a concat of `parts`: of concats of some of them each, if there are many.
ir::Value append_concat(Rebuild& rebuild, std::vector<ir::Value> parts, const ir::Node& node) {
  while (parts.size() > kMostConcatOperands) {
    std::vector<ir::Value> joined;
    for (std::size_t i = 0; i < parts.size(); i += kMostConcatOperands) {
      const auto begin = parts.begin() + static_cast<std::ptrdiff_t>(i);
      const std::vector<ir::Value> some(
          begin, begin + static_cast<std::ptrdiff_t>(std::min(kMostConcatOperands, parts.size() - i)));
      joined.push_back(some.size() == 1 ? some[0]
                                        : rebuild.builder().add(ir::Op::kConcat, some, node.attributes, node.origins));
    }
    parts = std::move(joined);
  }
  return rebuild.builder().add(ir::Op::kConcat, std::move(parts), node.attributes, node.origins);
}

/// The same graph without concats of many operands.
ir::Graph divide_concats(const ir::Graph& graph) {
  Rebuild rebuild(graph);
  for (NodeIndex i = 0; i < graph.nodes().size(); ++i) {
    const ir::Node& node = graph.node(i);
    if (node.op != ir::Op::kConcat || node.operands.size() <= kMostConcatOperands) {
      rebuild.copy(i);
    } else {
      rebuild.map({i, 0}, append_concat(rebuild, rebuild.operands(i), node));
    }
  }
  return std::move(rebuild).finish();
}

/// The same graph with windows of its own for each product, which packs them and does not read them from memory. A
/// product with transposed windows, the gradient of a filter, has them as its rhs: matmul{transpose_a}(windows, y) is
/// the transpose of matmul{transpose_a}(y, windows).
ir::Graph repeat_windows(const ir::Graph& graph) {
  Rebuild rebuild(graph);
  ir::Builder& builder = rebuild.builder();
  for (NodeIndex i = 0; i < graph.nodes().size(); ++i) {
    ir::Node node = graph.node(i);
    const bool swaps = node.op == ir::Op::kMatmul && node.types[0].shape.rank() == 2 &&
                       node.attributes.flag(ir::Attr::kTransposeA) && !node.attributes.flag(ir::Attr::kTransposeB) &&
                       ir::windows_of(graph, node, 0) != nullptr;
    if (swaps) std::swap(node.operands[0], node.operands[1]);
    const std::array windows{ir::packable_windows(graph, node, 0), ir::packable_windows(graph, node, 1)};
    if (windows[0] == nullptr && windows[1] == nullptr) {
      rebuild.copy(i);
      continue;
    }
    std::vector<ir::Value> operands;
    for (std::size_t o = 0; o < 2; ++o) {
      operands.push_back(rebuild.at(node.operands[o]));
      if (windows[o] == nullptr) continue;
      const ir::Node& from = *windows[o];
      operands[o] = builder.add(from.op, {rebuild.at(from.operands[0])}, from.attributes, from.origins);
      const ir::Node& view = graph.node(node.operands[o]);
      if (view.op == ir::Op::kReshape) operands[o] = builder.add(view.op, {operands[o]}, view.attributes, view.origins);
    }
    ir::Value product = builder.add(node.op, std::move(operands), node.attributes, node.origins);
    if (swaps)
      product = builder.add(ir::Op::kTranspose, {product}, {{ir::Attr::kPermutation, std::vector<std::int64_t>{1, 0}}},
                            node.origins);
    rebuild.map({i, 0}, product);
  }
  return std::move(rebuild).finish();
}

}  // namespace

ir::Graph bound_nodes(const ir::Graph& graph) {
  const ir::Graph inlined = divide_grouped_products(fuse_attention(inline_other_bodies(graph)));
  return repeat_windows(divide_concats(inlined));
}

void grow_groups(Groups& groups) {
  grow_argsort_groups(groups);
  grow_window_groups(groups);  // before others: add_windows only goes with loops
  grow_matmul_groups(groups);  // likewise: a product can take in most, and saves most by it
  grow_row_groups(groups);     // before reductions, which end where a row could go on
  grow_reduce_groups(groups);  // before loops, which would keep what a reduction could swallow
  grow_loop_groups(groups);
  join_lone_reductions(groups);
}

ir::Graph fuse(const ir::Graph& graph) {
  const ir::Graph live = bound_nodes(graph);
  Groups groups(live);
  grow_groups(groups);
  return emit_groups(groups);
}

}  // namespace sluice::passes
