#include <algorithm>
#include <set>

#include "passes/fuse_groups.h"

// Reductions take in what is computed for them alone; what is left of elementwise nodes joins into loops.
namespace sluice::passes {

namespace {

/// Takes in the nodes that only the group reads, last first, so that chains come along whole.
void take_producers(Groups& groups, GroupIndex group) {
  const Shape shape = groups.shape(groups.members(group)[0]);
  for (NodeIndex node = groups.members(group).back(); node-- > 0;) {
    if (!groups.is_free_loop(node, shape) || groups.escapes(node)) continue;
    const auto reads_inside = [&](NodeIndex user) { return groups.contains(group, user); };
    if (std::ranges::all_of(groups.users(node), reads_inside)) groups.merge(group, node);
  }
}

/// The groups that make the values of its shape that a group reads, but for the cheap ones.
std::set<GroupIndex> sources_of(const Groups& groups, GroupIndex group) {
  std::set<GroupIndex> sources;
  const Shape& shape = groups.shape(groups.members(group)[0]);
  for (const NodeIndex member : groups.members(group)) {
    for (const ir::Value operand : groups.graph().node(member).operands) {
      const bool counts = !groups.contains(group, operand.node) && groups.role(operand.node) != FuseRole::kCheap &&
                          groups.graph().type(operand).shape == shape;
      if (counts) sources.insert(groups.of(operand.node));
    }
  }
  return sources;
}

bool share_a_source(const Groups& groups, GroupIndex a, GroupIndex b) {
  const std::set<GroupIndex> first = sources_of(groups, a);
  const std::set<GroupIndex> second = sources_of(groups, b);
  return std::ranges::any_of(first, [&](GroupIndex source) { return second.contains(source); });
}

/// The reduction that a group ends with: its last member, as everything else in the group feeds one.
const ir::Node& reduction_of(const Groups& groups, GroupIndex group) {
  return groups.graph().node(groups.members(group).back());
}

bool reduce_alike(const Groups& groups, GroupIndex a, GroupIndex b) {
  return reduction_of(groups, a).attributes == reduction_of(groups, b).attributes &&
         groups.shape(groups.members(a)[0]) == groups.shape(groups.members(b)[0]);
}

bool is_loop_group(const Groups& groups, NodeIndex node) {
  return groups.role(node) == FuseRole::kLoop &&
         (groups.is_single(node) || groups.kind(groups.of(node)) == GroupKind::kLoop);
}

bool merge_loops(Groups& groups, NodeIndex a, NodeIndex b) {
  const GroupIndex first = groups.of(a);
  const GroupIndex second = groups.of(b);
  if (first == second || groups.shape(a) != groups.shape(b) || !groups.can_merge(first, second)) return false;
  groups.merge(first, second);
  groups.set_kind(first, GroupKind::kLoop);
  return true;
}

void merge_readers(Groups& groups, ir::Value value) {
  std::vector<NodeIndex> readers;
  for (const NodeIndex user : groups.users(value.node)) {
    const auto& operands = groups.graph().node(user).operands;
    const bool reads = std::ranges::find(operands, value) != operands.end();
    if (reads && is_loop_group(groups, user) && groups.shape(user) == groups.graph().type(value).shape) {
      readers.push_back(user);
    }
  }
  for (std::size_t i = 0; i < readers.size(); ++i) {
    for (std::size_t j = i + 1; j < readers.size(); ++j) merge_loops(groups, readers[i], readers[j]);
  }
}

}  // namespace

void grow_reduce_groups(Groups& groups) {
  std::vector<GroupIndex> done;
  for (NodeIndex node = 0; node < groups.size(); ++node) {
    if (groups.role(node) != FuseRole::kReduce || !groups.is_single(node)) continue;
    groups.set_kind(node, GroupKind::kReduce);
    take_producers(groups, node);
    const auto sibling = std::ranges::find_if(done, [&](GroupIndex other) {
      return reduce_alike(groups, other, node) && share_a_source(groups, other, node) && groups.can_merge(other, node);
    });
    if (sibling == done.end()) {
      done.push_back(node);
      continue;
    }
    groups.merge(*sibling, node);
    take_producers(groups, *sibling);
  }
}

void grow_loop_groups(Groups& groups) {
  for (NodeIndex node = 0; node < groups.size(); ++node) {
    if (!is_loop_group(groups, node)) continue;
    for (const ir::Value operand : groups.graph().node(node).operands) {
      if (is_loop_group(groups, operand.node)) merge_loops(groups, operand.node, node);
    }
  }
  // Loops that read the same array share its loads.
  for (NodeIndex node = 0; node < groups.size(); ++node) {
    if (groups.role(node) == FuseRole::kCheap) continue;
    const auto results = static_cast<std::uint32_t>(groups.graph().node(node).types.size());
    for (std::uint32_t result = 0; result < results; ++result) merge_readers(groups, {node, result});
  }
}

}  // namespace sluice::passes
