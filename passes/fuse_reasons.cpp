#include "passes/fuse_reasons.h"

#include <algorithm>
#include <optional>
#include <set>

#include "passes/fuse_groups.h"

// Derives the reasons from the final groups of `fuse`, with the same queries that it used while they grew.
namespace sluice::passes {

namespace {

/// The path from a reader's operand back to the kernel that computed the value.
struct Source {
  NodeIndex node;
  bool through_view = false;  ///< through a reshape or something cheap
};

bool is_kernel(const Groups& groups, NodeIndex node) {
  const ir::Node& n = groups.graph().node(node);
  return !ir::info(n.op).has(ir::kInput) && n.op != ir::Op::kConstant && n.op != ir::Op::kReshape &&
         groups.role(node) != FuseRole::kCheap;
}

/// Returns the kernels whose values `node` reads, looking through reshapes and through what each reader recomputes.
std::vector<Source> kernels_read_by(const Groups& groups, NodeIndex node) {
  std::vector<Source> found;
  std::vector<Source> open;
  for (const ir::Value operand : groups.graph().node(node).operands) open.push_back({operand.node, false});
  while (!open.empty()) {
    const Source source = open.back();
    open.pop_back();
    if (is_kernel(groups, source.node)) {
      found.push_back(source);
      continue;
    }
    for (const ir::Value operand : groups.graph().node(source.node).operands) open.push_back({operand.node, true});
  }
  return found;
}

/// Returns a reader of `producer` outside the kernel `reader`, if there is one.
std::optional<NodeIndex> other_reader(const Groups& groups, NodeIndex producer, GroupIndex reader) {
  for (const NodeIndex user : groups.users(producer)) {
    if (!groups.contains(reader, user)) return user;
  }
  return std::nullopt;
}

std::string rule_between(const Groups& groups, const Source& source, NodeIndex reader) {
  const ir::Graph& graph = groups.graph();
  const NodeIndex producer = source.node;
  const GroupIndex from = groups.of(producer);
  const GroupIndex to = groups.of(reader);
  const auto name = [&](NodeIndex node) { return ir::to_string(graph.node(node).op); };
  const auto read_too = [&](NodeIndex other) {
    return fmt::format("{} reads the value too, so memory holds it anyway", name(other));
  };

  if (groups.role(reader) == FuseRole::kOther) return fmt::format("{} is a kernel of its own", name(reader));
  const bool sums_a_factor = groups.role(reader) == FuseRole::kReduce && groups.kind(to) == KernelKind::kMatmul;
  if (groups.role(reader) == FuseRole::kMatmul || sums_a_factor) {
    // Of its rhs it computes what is cheap and nobody else needs.
    const bool is_rhs = groups.role(reader) == FuseRole::kMatmul && !source.through_view &&
                        graph.node(reader).operands[0].node != producer && ir::can_feed_rhs(graph.node(producer));
    const auto other = other_reader(groups, producer, to);
    if (is_rhs && groups.is_single(producer) && other) return read_too(*other);
    return "a product reads its operands from memory, each element often";
  }
  const bool in_rows = groups.kind(from) == KernelKind::kRows;
  if (groups.role(producer) == FuseRole::kReduce && !in_rows) return "a reduction ends a kernel";
  if (groups.role(producer) == FuseRole::kOther) return fmt::format("{} is a kernel of its own", name(producer));
  if (source.through_view) return "the value is read under another shape, not element by element";
  if (groups.shape(producer) != groups.shape(reader)) {
    return fmt::format("another shape: {} and {}", to_string(groups.shape(producer)), to_string(groups.shape(reader)));
  }
  if (goes_by_short_rows(groups, from) || goes_by_short_rows(groups, to))
    return "add_windows goes along rows that are shorter than vectors, the other loop through all elements";
  const bool from_product = groups.kind(from) == KernelKind::kMatmul;
  const bool to_product = groups.kind(to) == KernelKind::kMatmul;
  if (from_product && to_product) return "a kernel holds one product";
  if (from_product && groups.role(reader) == FuseRole::kReduce) return "a reduction cannot ride on a product's store";
  switch (groups.may_merge(from, to)) {
    case Merge::kAllowed:
      break;
    case Merge::kCycle:
      return "would make a cycle: a third kernel stands between them";
    case Merge::kTooLarge:
      return fmt::format("would make a kernel of more than {} nodes", kMostMembers);
    case Merge::kUnknown:
      return "they are far apart, with many kernels between them";
  }
  if (from_product) return "the reader computes it anew from what memory holds anyway";
  if (in_rows && groups.role(reader) == FuseRole::kReduce) return "a reduction over another axis than that of the rows";
  if (in_rows || groups.kind(to) == KernelKind::kRows) return "a kernel goes through rows of one length";
  // The rest are kernels that take in only what nobody else needs.
  if (groups.escapes(producer)) return "the value is a result or an update, so memory holds it anyway";
  if (const auto other = other_reader(groups, producer, to)) return read_too(*other);
  if (to_product) return "taking it in would keep more values in memory";
  return "another kernel took it first";
}

}  // namespace

FuseReport fuse_with_reasons(const ir::Graph& graph) {
  const ir::Graph live = bound_nodes(graph);
  Groups groups(live);
  grow_groups(groups);
  std::vector<NodeIndex> places(live.nodes().size());
  FuseReport report{emit_groups(groups, &places), {}};

  std::set<std::pair<NodeIndex, NodeIndex>> seen;  // the producing node and the kernel that reads it
  for (NodeIndex reader = 0; reader < live.nodes().size(); ++reader) {
    if (!is_kernel(groups, reader)) continue;
    for (const Source& source : kernels_read_by(groups, reader)) {
      const GroupIndex to = groups.of(reader);
      if (groups.contains(to, source.node) || !seen.insert({source.node, to}).second) continue;
      report.apart.push_back({places[groups.of(source.node)], places[to], live.node(source.node).op,
                              live.node(reader).op, rule_between(groups, source, reader)});
    }
  }
  std::ranges::stable_sort(report.apart, {}, [](const Apart& a) { return std::pair{a.consumer, a.producer}; });
  return report;
}

}  // namespace sluice::passes
