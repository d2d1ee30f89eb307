#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "ir/kernel_kind.h"
#include "sluice/ir/graph.h"

namespace sluice::passes {

using NodeIndex = std::uint32_t;
using GroupIndex = std::uint32_t;

/// The part that a node can play in fusion.
enum class FuseRole : std::uint8_t {
  kLoop,    ///< computes each element from the same element of its operands: may join any kind of group; add_windows,
            ///< which looks for its elements elsewhere, only loops
  kMatmul,  ///< begins a group of its own
  kReduce,  ///< ends a group, unless it folds the last axis: then the group may go on row by row
  kCheap,   ///< is recomputed in every group that reads it
  kOther,   ///< stays a plain node
};

using ir::KernelKind;
using ir::kMostMembers;

/// The answer to whether two groups may become one.
enum class Merge : std::uint8_t {
  kAllowed,
  kTooLarge,  ///< the group would have more than kMostMembers nodes
  kCycle,     ///< a path leads from one to the other through a third
  kUnknown,   ///< the search for such a path was given up
};

/// The nodes of a graph, divided into groups; at first each node is one. A group stands for one kernel, so the graph of
/// groups must stay free of cycles. To tell without a walk over the whole graph, groups have ranks: each group's is
/// above those of the groups that it reads, so a path between two groups has its ranks between theirs.
class Groups {
 public:
  /// `graph` has no dead nodes and outlives this.
  explicit Groups(const ir::Graph& graph);

  const ir::Graph& graph() const { return graph_; }
  NodeIndex size() const { return static_cast<NodeIndex>(group_.size()); }
  FuseRole role(NodeIndex node) const { return roles_[node]; }
  /// Returns the shape that a node works over: the operand's for a reduction, else the result's.
  const Shape& shape(NodeIndex node) const;
  /// Returns the nodes that read a result of `node`, ascending, each once.
  const std::vector<NodeIndex>& users(NodeIndex node) const { return users_[node]; }
  /// Returns whether a result or an update of the graph reads it.
  bool escapes(NodeIndex node) const { return escapes_[node]; }
  /// Returns whether any node outside of its group, or the graph itself, reads it.
  bool read_outside(NodeIndex node) const;

  GroupIndex of(NodeIndex node) const { return group_[node]; }
  /// Ascending.
  const std::vector<NodeIndex>& members(GroupIndex group) const { return members_[group]; }
  /// Returns the kind of kernel that it becomes; nothing if nodes have yet to join.
  std::optional<KernelKind> kind(GroupIndex group) const { return kinds_[group]; }
  void set_kind(GroupIndex group, KernelKind kind) { kinds_[group] = kind; }
  bool contains(GroupIndex group, NodeIndex node) const { return group_[node] == group; }
  bool is_single(NodeIndex node) const { return !kinds_[group_[node]]; }
  /// Returns whether it has a reader that reads from memory: one that is neither a loop nor, for a loop's value, a
  /// reduction.
  bool is_read_from_memory(NodeIndex node) const { return read_from_memory_[node]; }
  /// Returns whether `node` computes what an add_windows of its group adds, over a shape of its own.
  bool is_added(NodeIndex node) const { return is_added_[node]; }
  void set_added(NodeIndex node) { is_added_[node] = true; }
  /// Returns whether `node` is a loop over `over` that no group has taken.
  bool is_free_loop(NodeIndex node, const Shape& over) const {
    return role(node) == FuseRole::kLoop && is_single(node) && shape(node) == over;
  }

  Merge may_merge(GroupIndex a, GroupIndex b) const;
  bool can_merge(GroupIndex a, GroupIndex b) const { return may_merge(a, b) == Merge::kAllowed; }
  /// Returns how many more members a group may have.
  std::size_t room(GroupIndex group) const { return kMostMembers - members_[group].size(); }
  /// The groups can_merge(), or all readers of one of them are in the other.
  void merge(GroupIndex into, GroupIndex from);
  /// Makes `node` a group of its own again. Not both may be true: that it reads its group, and that its group reads it.
  void split_off(NodeIndex node);
  /// Makes every member a group of its own again.
  void dissolve(GroupIndex group);

 private:
  using Rank = std::int64_t;
  enum class Direction : std::uint8_t { kForward, kBackward };  // towards readers, towards operands
  static Direction opposite(Direction direction) {
    return direction == Direction::kForward ? Direction::kBackward : Direction::kForward;
  }

  /// The state of a bidirectional search for a path from one group to another through a third.
  struct Search {
    Merge found;                                ///< kAllowed if there is no such path
    Direction exhausted = Direction::kForward;  ///< then: the direction that has seen all that it could
  };
  Search search_between(GroupIndex low, GroupIndex high) const;

  /// Calls `visit` with each group that reads a value of `group`, or makes one that it reads, perhaps several times.
  template <typename Visit>
  void for_neighbors(GroupIndex group, Direction direction, Visit visit) const;
  void make_single(NodeIndex node, Rank rank);
  /// Moves the ranks of the groups in `direction` of `group` out of the way of its own.
  void restore_ranks(GroupIndex group, Direction direction);

  const ir::Graph& graph_;
  std::vector<FuseRole> roles_;
  std::vector<std::vector<NodeIndex>> users_;
  std::vector<bool> escapes_;
  std::vector<bool> is_added_;
  std::vector<bool> read_from_memory_;
  std::vector<GroupIndex> group_;
  std::vector<std::vector<NodeIndex>> members_;
  std::vector<std::optional<KernelKind>> kinds_;
  std::vector<Rank> ranks_;
  std::array<std::vector<std::size_t>, 2> degrees_;  ///< by direction and group: edges of its members, inner ones too
  mutable std::array<std::vector<std::uint32_t>, 2> visited_;  ///< by direction and group: the last search that saw it
  mutable std::uint32_t searches_ = 0;
};

/// Returns the graph whose nodes `fuse` groups: without dead nodes, with bodies that are no kernels inlined, and with
/// concats of concats for one of many operands.
ir::Graph bound_nodes(const ir::Graph& graph);

/// Divides the nodes into groups, each of one of the kinds of ir/kernel_kind.h.
void grow_argsort_groups(Groups& groups);
void grow_window_groups(Groups& groups);
void grow_matmul_groups(Groups& groups);
void grow_row_groups(Groups& groups);
void grow_reduce_groups(Groups& groups);
void grow_loop_groups(Groups& groups);
/// Merges reductions without producers that read loops which have become one group.
void join_lone_reductions(Groups& groups);

/// Returns whether a loop goes along rows that are too short for vectors: it is one of add_windows, and others of its
/// shape go through their elements as one long row.
bool goes_by_short_rows(const Groups& groups, GroupIndex group);

/// Grows all of them, in the order that `fuse` wants.
void grow_groups(Groups& groups);

using NodeSet = std::set<NodeIndex>;  // ordered: the result must not depend on addresses or hashes

/// Returns the free loops over `shape` that only the group reads, directly or through one another, and only element by
/// element: the last ones, if there are more than it has room for.
NodeSet private_producers(const Groups& groups, GroupIndex group, const Shape& shape);
/// Merges private producers into the group.
void take(Groups& groups, GroupIndex group, const NodeSet& producers);

/// Returns the graph with a `fused` node for each group that has more than one node in its body. `places`, if given,
/// has a place for each group and receives its node in the new graph.
ir::Graph emit_groups(const Groups& groups, std::vector<NodeIndex>* places = nullptr);

}  // namespace sluice::passes
