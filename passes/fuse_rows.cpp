#include <algorithm>
#include <utility>

#include "ir/reduction.h"
#include "passes/fuse_groups.h"

// Forms one kernel from what is computed row by row: reductions along the last axis, their inputs, and what is computed
// from them. In a training step that is softmax, cross-entropy and the prediction, forward and backward.
namespace sluice::passes {

namespace {

using ir::Op;

/// Returns whether `node` folds the last axis, and no other, of a value of several rows and columns.
bool folds_rows(const Groups& groups, NodeIndex node) {
  if (groups.role(node) != FuseRole::kReduce) return false;
  const Shape& shape = groups.shape(node);
  const int last = shape.rank() - 1;
  if (last < 1 || (!shape[last].batch && shape[last].size < 2)) return false;
  const ir::Node& reduction = groups.graph().node(node);
  return ir::reduced_axes(reduction) == std::vector<std::int64_t>{last} &&
         reduction.types[0].shape.element_count() != Dim(1);
}

/// Grows the group of one reduction.
class RowGroup {
 public:
  RowGroup(Groups& groups, NodeIndex reduction) : groups_(groups), group_(reduction), shape_(groups.shape(reduction)) {
    rows_ = groups.graph().node(reduction).types[0].shape;
    one_column_ = rows_;
    one_column_.push_back(1);
  }

  void grow() {
    groups_.set_kind(group_, KernelKind::kRows);
    take_neighbors();
    shed_unread();
    if (!goes_on_with_a_reduction()) groups_.dissolve(group_);
  }

 private:
  bool inside(NodeIndex node) const { return groups_.contains(group_, node); }

  bool reads_inside(NodeIndex node) const {
    return std::ranges::any_of(groups_.graph().node(node).operands, [&](ir::Value v) { return inside(v.node); });
  }

  bool is_read_inside(NodeIndex node) const {
    return std::ranges::any_of(groups_.users(node), [&](NodeIndex user) { return inside(user); });
  }

  bool is_neighbor(NodeIndex node) const { return reads_inside(node) || is_read_inside(node); }

  /// Returns whether it reads rows that the group also reads.
  bool shares_rows(NodeIndex node) const {
    return std::ranges::any_of(groups_.graph().node(node).operands, [&](ir::Value v) {
      return groups_.graph().type(v).shape == shape_ && is_read_inside(v.node);
    });
  }

  /// Returns whether the value of `node` in row r depends only on row r of the group's values.
  bool may_join(NodeIndex node) const {
    const Shape& made = groups_.graph().node(node).types[0].shape;
    if (groups_.role(node) == FuseRole::kLoop)
      return (made == shape_ || made == rows_ || made == one_column_) && is_neighbor(node);
    if (groups_.role(node) == FuseRole::kReduce)
      return folds_rows(groups_, node) && groups_.shape(node) == shape_ && (is_neighbor(node) || shares_rows(node));
    if (!reads_inside(node)) return false;
    const Shape& read = groups_.graph().type(groups_.graph().node(node).operands[0]).shape;
    switch (groups_.graph().node(node).op) {
      case Op::kReshape:
        return (read == rows_ && made == one_column_) || (read == one_column_ && made == rows_);
      case Op::kBroadcast:
        return read == one_column_ && made == shape_;
      case Op::kOneHot:
        return read == rows_ && made == shape_;
      default:
        return false;
    }
  }

  /// Iterates over the nodes in order until nothing changes. A node that could not join may be able to once a neighbor
  /// has joined, so each round visits the neighbors of those that have.
  void take_neighbors() {
    open_neighbors(group_);
    next_round_.merge(round_);
    while (!next_round_.empty()) {
      round_ = std::exchange(next_round_, {});
      while (!round_.empty() && groups_.room(group_) > 0) {
        const NodeIndex node = *round_.begin();
        round_.erase(round_.begin());
        if (inside(node) || !groups_.is_single(node) || !may_join(node) || !groups_.can_merge(group_, node)) continue;
        groups_.merge(group_, node);
        open_neighbors(node);
      }
    }
  }

  /// Lists the nodes that may join now that `node` has.
  void open_neighbors(NodeIndex node) {
    const auto open = [&](NodeIndex neighbor) { (neighbor > node ? round_ : next_round_).insert(neighbor); };
    std::ranges::for_each(groups_.users(node), open);
    for (const ir::Value operand : groups_.graph().node(node).operands) {
      open(operand.node);
      if (groups_.graph().type(operand).shape != shape_) continue;
      for (const NodeIndex reader : groups_.users(operand.node)) {
        if (groups_.role(reader) == FuseRole::kReduce) open(reader);
      }
    }
  }

  /// Gives back views and broadcasts that nothing in the group reads: their readers recompute them.
  void shed_unread() {
    const std::vector<NodeIndex> members = groups_.members(group_);
    for (auto member = members.rbegin(); member != members.rend(); ++member) {
      const FuseRole role = groups_.role(*member);
      const bool is_view = role == FuseRole::kCheap || role == FuseRole::kOther;
      if (is_view && !is_read_inside(*member) && !groups_.escapes(*member)) groups_.split_off(*member);
    }
  }

  bool goes_on_with_a_reduction() const {
    return std::ranges::any_of(groups_.members(group_), [&](NodeIndex member) {
      return groups_.role(member) == FuseRole::kReduce && is_read_inside(member);
    });
  }

  Groups& groups_;
  GroupIndex group_;
  Shape shape_;
  Shape rows_;          ///< without the last axis
  Shape one_column_;    ///< with a last axis of size 1
  NodeSet round_;       ///< the nodes to look at
  NodeSet next_round_;  ///< and after these
};

}  // namespace

void grow_row_groups(Groups& groups) {
  for (NodeIndex node = 0; node < groups.size(); ++node) {
    if (groups.is_single(node) && folds_rows(groups, node)) RowGroup(groups, node).grow();
  }
}

}  // namespace sluice::passes
