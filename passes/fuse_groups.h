#pragma once

#include <cstdint>
#include <vector>

#include "ir/graph.h"

namespace sluice::passes {

using NodeIndex = std::uint32_t;
using GroupIndex = std::uint32_t;

/// What fusion can do with a node.
enum class FuseRole : std::uint8_t {
  kLoop,    ///< computes each element from the same element of its operands: may join any kind of group
  kMatmul,  ///< begins a group of its own
  kReduce,  ///< ends a group, unless it folds the last axis: then the group may go on row by row
  kCheap,   ///< is made anew in every group that reads it
  kOther,   ///< stays a plain node
};

enum class GroupKind : std::uint8_t { kSingle, kLoop, kRows, kMatmul, kReduce };

/// The nodes of a graph, divided into groups; at first each node is one. A group stands for one kernel, so the graph of
/// groups must stay free of cycles: `can_merge` says whether it would.
class Groups {
 public:
  /// `graph` has no dead nodes and outlives this.
  explicit Groups(const ir::Graph& graph);

  const ir::Graph& graph() const { return graph_; }
  NodeIndex size() const { return static_cast<NodeIndex>(group_.size()); }
  FuseRole role(NodeIndex node) const { return roles_[node]; }
  /// The shape that a node works over: the operand's for a reduction, else the result's.
  const Shape& shape(NodeIndex node) const;
  /// The nodes that read a result of `node`, ascending, each once.
  const std::vector<NodeIndex>& users(NodeIndex node) const { return users_[node]; }
  /// Whether a result or an update of the graph reads it.
  bool escapes(NodeIndex node) const { return escapes_[node]; }
  /// Whether any node outside of its group, or the graph itself, reads it.
  bool read_outside(NodeIndex node) const;

  GroupIndex of(NodeIndex node) const { return group_[node]; }
  /// Ascending.
  const std::vector<NodeIndex>& members(GroupIndex group) const { return members_[group]; }
  GroupKind kind(GroupIndex group) const { return kinds_[group]; }
  void set_kind(GroupIndex group, GroupKind kind) { kinds_[group] = kind; }
  bool contains(GroupIndex group, NodeIndex node) const { return group_[node] == group; }
  bool is_single(NodeIndex node) const { return kinds_[group_[node]] == GroupKind::kSingle; }
  /// Whether `node` is a loop over `over` that no group has taken.
  bool is_free_loop(NodeIndex node, const Shape& over) const {
    return role(node) == FuseRole::kLoop && is_single(node) && shape(node) == over;
  }

  /// Whether no path leads from one of the groups to the other through a third.
  bool can_merge(GroupIndex a, GroupIndex b) const;
  void merge(GroupIndex into, GroupIndex from);
  /// Makes `node` a group of its own again.
  void split_off(NodeIndex node);

 private:
  bool path_through_third(GroupIndex from, GroupIndex to) const;

  const ir::Graph& graph_;
  std::vector<FuseRole> roles_;
  std::vector<std::vector<NodeIndex>> users_;
  std::vector<bool> escapes_;
  std::vector<GroupIndex> group_;
  std::vector<std::vector<NodeIndex>> members_;
  std::vector<GroupKind> kinds_;
  mutable std::vector<std::uint32_t> visited_;  ///< by group: the search that saw it last
  mutable std::uint32_t search_ = 0;
};

/// Divides the nodes into groups, each of one of the kinds that fuse.h names.
void grow_matmul_groups(Groups& groups);
void grow_row_groups(Groups& groups);
void grow_reduce_groups(Groups& groups);
void grow_loop_groups(Groups& groups);

/// All of them, in the order that `fuse` wants.
void grow_groups(Groups& groups);

/// The graph with a `fused` node for each group that has more than one node in its body. `places`, if given, has a
/// place for each group and gets the node of the new graph that stands for it.
ir::Graph emit_groups(const Groups& groups, std::vector<NodeIndex>* places = nullptr);

}  // namespace sluice::passes
