#include <algorithm>
#include <map>
#include <optional>

#include "passes/fuse_groups.h"

// Reductions take in what is computed for them alone; what is left of elementwise nodes joins into loops.
namespace sluice::passes {

bool goes_by_short_rows(const Groups& groups, GroupIndex group) {
  constexpr std::int64_t kShort = 8;
  const auto adds = [&](NodeIndex member) { return groups.graph().node(member).op == ir::Op::kAddWindows; };
  const auto found = std::ranges::find_if(groups.members(group), adds);
  if (found == groups.members(group).end()) return false;
  const Shape& shape = groups.shape(*found);
  const Dim last = shape[shape.rank() - 1];
  return !last.batch && last.size < kShort;
}

namespace {

/// A group is tried with at most so many others that read the same value: it may have any number of readers.
constexpr std::size_t kMostTries = 16;

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

/// The reduction that a group ends with: its last member, as everything else in the group feeds one.
const ir::Node& reduction_of(const Groups& groups, GroupIndex group) {
  return groups.graph().node(groups.members(group).back());
}

bool reduce_alike(const Groups& groups, GroupIndex a, GroupIndex b) {
  return reduction_of(groups, a).attributes == reduction_of(groups, b).attributes &&
         groups.shape(groups.members(a)[0]) == groups.shape(groups.members(b)[0]);
}

/// Gathers reductions into groups.
class Reductions {
 public:
  explicit Reductions(Groups& groups) : groups_(groups) {}

  void add(NodeIndex node) {
    groups_.set_kind(node, KernelKind::kReduce);
    take_private_producers(node);
    join_sibling(node);
  }

  /// Merges the group of `node` with one that reads the same values, if there is one.
  void join_sibling(NodeIndex node) {
    if (const auto sibling = find_sibling(groups_.of(node))) {
      groups_.merge(*sibling, groups_.of(node));
      take_private_producers(*sibling);
    }
    const GroupIndex group = groups_.of(node);
    for (const GroupIndex source : sources_of(groups_, group)) readers_[source].insert(group);
  }

 private:
  void take_private_producers(GroupIndex group) {
    const Shape shape = groups_.shape(groups_.members(group)[0]);
    take(groups_, group, private_producers(groups_, group, shape));
  }

  /// The first of the last few groups that reduce alike and read from the same group.
  std::optional<GroupIndex> find_sibling(GroupIndex group) const {
    std::set<GroupIndex> candidates;
    for (const GroupIndex source : sources_of(groups_, group)) {
      const auto readers = readers_.find(source);
      if (readers == readers_.end()) continue;
      std::size_t tries = 0;
      for (auto reader = readers->second.rbegin(); reader != readers->second.rend() && tries < kMostTries; ++reader) {
        candidates.insert(*reader);
        ++tries;
      }
    }
    const auto found = std::ranges::find_if(candidates, [&](GroupIndex other) {
      return other != group && reduce_alike(groups_, other, group) && groups_.can_merge(other, group);
    });
    return found == candidates.end() ? std::nullopt : std::optional(*found);
  }

  Groups& groups_;
  std::map<GroupIndex, std::set<GroupIndex>> readers_;  ///< of each group, the reductions that read it
};

bool is_loop_group(const Groups& groups, NodeIndex node) {
  return groups.role(node) == FuseRole::kLoop && !groups.is_added(node) &&
         (groups.is_single(node) || groups.kind(groups.of(node)) == KernelKind::kLoop);
}

/// Merges the groups of two loops if that is possible, and returns whether they are one group.
bool merge_loops(Groups& groups, NodeIndex a, NodeIndex b) {
  const GroupIndex first = groups.of(a);
  const GroupIndex second = groups.of(b);
  if (first == second) return true;
  if (groups.shape(a) != groups.shape(b) || !groups.can_merge(first, second)) return false;
  if (goes_by_short_rows(groups, first) || goes_by_short_rows(groups, second)) return false;
  groups.merge(first, second);
  groups.set_kind(first, KernelKind::kLoop);
  return true;
}

/// Merges a loop with those that it reads. Where they do not all fit in, the largest is left out, not a small one that
/// would stay a kernel of its own.
void merge_with_operands(Groups& groups, NodeIndex node) {
  std::vector<NodeIndex> makers;
  std::size_t members = groups.members(groups.of(node)).size();
  const auto size = [&](NodeIndex maker) { return groups.members(groups.of(maker)).size(); };
  for (const ir::Value operand : groups.graph().node(node).operands) {
    if (!is_loop_group(groups, operand.node)) continue;
    makers.push_back(operand.node);
    members += size(operand.node);
  }
  if (members > kMostMembers) std::ranges::stable_sort(makers, {}, size);
  for (const NodeIndex maker : makers) merge_loops(groups, maker, node);
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
  std::set<GroupIndex> done;
  for (std::size_t i = 0; i < readers.size(); ++i) {
    if (!done.insert(groups.of(readers[i])).second) continue;
    std::size_t tries = 0;
    for (std::size_t j = i + 1; j < readers.size() && tries < kMostTries; ++j) {
      if (!merge_loops(groups, readers[i], readers[j])) ++tries;
    }
  }
}

}  // namespace

void grow_window_groups(Groups& groups) {
  for (NodeIndex node = 0; node < groups.size(); ++node) {
    const ir::Node& add = groups.graph().node(node);
    if (add.op != ir::Op::kAddWindows) continue;
    groups.set_kind(groups.of(node), KernelKind::kLoop);
    NodeSet producers = private_producers(groups, node, groups.graph().type(add.operands[0]).shape);
    // An element may be asked for where it is not added: where windows do not begin, or outside of the image.
    const auto is_costly = [&](NodeIndex producer) {
      return ir::info(groups.graph().node(producer).op).has(ir::kCostly);
    };
    if (std::ranges::any_of(producers, is_costly)) continue;
    take(groups, node, producers);
    for (const NodeIndex producer : producers) groups.set_added(producer);
  }
}

void grow_reduce_groups(Groups& groups) {
  Reductions reductions(groups);
  for (NodeIndex node = 0; node < groups.size(); ++node) {
    if (groups.role(node) == FuseRole::kReduce && groups.is_single(node)) reductions.add(node);
  }
}

void grow_argsort_groups(Groups& groups) {
  for (NodeIndex node = 0; node < groups.size(); ++node) {
    if (groups.graph().node(node).op != ir::Op::kArgsort || groups.escapes(node) || groups.users(node).size() != 1)
      continue;
    const NodeIndex slice = groups.users(node)[0];
    if (!ir::is_first_places(groups.graph(), groups.graph().node(slice))) continue;
    groups.merge(groups.of(node), groups.of(slice));
    groups.set_kind(groups.of(node), KernelKind::kArgsort);
  }
}

void join_lone_reductions(Groups& groups) {
  Reductions reductions(groups);
  for (NodeIndex node = 0; node < groups.size(); ++node) {
    const GroupIndex group = groups.of(node);
    if (groups.kind(group) == KernelKind::kReduce && groups.members(group) == std::vector<NodeIndex>{node})
      reductions.join_sibling(node);
  }
}

void grow_loop_groups(Groups& groups) {
  for (NodeIndex node = 0; node < groups.size(); ++node) {
    if (is_loop_group(groups, node)) merge_with_operands(groups, node);
  }
  // Loops that read the same array share its loads.
  for (NodeIndex node = 0; node < groups.size(); ++node) {
    if (groups.role(node) == FuseRole::kCheap) continue;
    const auto results = static_cast<std::uint32_t>(groups.graph().node(node).types.size());
    for (std::uint32_t result = 0; result < results; ++result) merge_readers(groups, {node, result});
  }
}

}  // namespace sluice::passes
