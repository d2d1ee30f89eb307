#include "passes/fuse.h"

#include <algorithm>

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

/// Returns the windows that a product may pack for its lhs, straight or through a reshape; null if there are none.
const ir::Node* windows_for(const ir::Graph& graph, const ir::Node& product) {
  if (product.op != ir::Op::kMatmul || product.attributes.flag(ir::Attr::kTransposeA)) return nullptr;
  const ir::Value lhs = product.operands[0];
  const bool is_reshape = graph.node(lhs).op == ir::Op::kReshape;
  const ir::Node& windows = is_reshape ? graph.node(graph.node(lhs).operands[0]) : graph.node(lhs);
  return ir::can_feed_lhs(windows, graph.type(lhs)) ? &windows : nullptr;
}

/// The same graph with windows of its own for each product, which packs them and does not read them from memory.
ir::Graph repeat_windows(const ir::Graph& graph) {
  Rebuild rebuild(graph);
  for (NodeIndex i = 0; i < graph.nodes().size(); ++i) {
    const ir::Node& node = graph.node(i);
    const ir::Node* const windows = windows_for(graph, node);
    if (windows == nullptr) {
      rebuild.copy(i);
      continue;
    }
    ir::Builder& builder = rebuild.builder();
    ir::Value lhs = builder.add(windows->op, {rebuild.at(windows->operands[0])}, windows->attributes, windows->origins);
    const ir::Node& reshape = graph.node(node.operands[0]);
    if (reshape.op == ir::Op::kReshape) lhs = builder.add(reshape.op, {lhs}, reshape.attributes, reshape.origins);
    rebuild.map({i, 0}, builder.add(node.op, {lhs, rebuild.at(node.operands[1])}, node.attributes, node.origins));
  }
  return std::move(rebuild).finish();
}

}  // namespace

ir::Graph bound_nodes(const ir::Graph& graph) { return repeat_windows(divide_concats(inline_other_bodies(graph))); }

void grow_groups(Groups& groups) {
  grow_matmul_groups(groups);  // first: a product can take in most, and saves most by it
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
