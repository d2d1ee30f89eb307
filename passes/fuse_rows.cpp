#include <algorithm>

#include "ir/reduction.h"
#include "passes/fuse_groups.h"

// What is computed row by row becomes one kernel: reductions along the last axis, what feeds them, and what is made of
// them. In a training step that is softmax, cross-entropy and the guess, forward and backward.
namespace sluice::passes {

namespace {

using ir::Op;

/// Whether `node` folds the last axis, and no other, of a value of many rows and columns; as many columns as that axis
/// has whatever B is.
bool folds_rows(const Groups& groups, NodeIndex node) {
  if (groups.role(node) != FuseRole::kReduce) return false;
  const Shape& shape = groups.shape(node);
  const int last = shape.rank() - 1;
  if (last < 1 || shape[last].batch || shape[last].size < 2) return false;
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
    groups_.set_kind(group_, GroupKind::kRows);
    while (take_neighbours()) {
    }
    shed_unread();
    if (!goes_on_with_a_reduction()) dissolve();
  }

 private:
  bool inside(NodeIndex node) const { return groups_.contains(group_, node); }

  bool reads_inside(NodeIndex node) const {
    return std::ranges::any_of(groups_.graph().node(node).operands, [&](ir::Value v) { return inside(v.node); });
  }

  bool is_read_inside(NodeIndex node) const {
    return std::ranges::any_of(groups_.users(node), [&](NodeIndex user) { return inside(user); });
  }

  bool is_neighbour(NodeIndex node) const { return reads_inside(node) || is_read_inside(node); }

  /// Whether it reads rows that the group reads too.
  bool shares_rows(NodeIndex node) const {
    return std::ranges::any_of(groups_.graph().node(node).operands, [&](ir::Value v) {
      return groups_.graph().type(v).shape == shape_ && is_read_inside(v.node);
    });
  }

  /// Whether the value of `node` in row r needs of the group's values those in row r alone.
  bool may_join(NodeIndex node) const {
    const Shape& made = groups_.graph().node(node).types[0].shape;
    if (groups_.role(node) == FuseRole::kLoop)
      return (made == shape_ || made == rows_ || made == one_column_) && is_neighbour(node);
    if (groups_.role(node) == FuseRole::kReduce)
      return folds_rows(groups_, node) && groups_.shape(node) == shape_ && (is_neighbour(node) || shares_rows(node));
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

  bool take_neighbours() {
    bool changed = false;
    for (NodeIndex node = 0; node < groups_.size(); ++node) {
      if (inside(node) || !groups_.is_single(node) || !may_join(node) || !groups_.can_merge(group_, node)) continue;
      groups_.merge(group_, node);
      changed = true;
    }
    return changed;
  }

  /// Hands back views and broadcasts that nothing in the group reads: whoever reads them makes them anew.
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

  void dissolve() {
    const std::vector<NodeIndex> members = groups_.members(group_);
    for (const NodeIndex member : members) {
      if (member != group_) groups_.split_off(member);
    }
    groups_.set_kind(group_, GroupKind::kSingle);
  }

  Groups& groups_;
  GroupIndex group_;
  Shape shape_;
  Shape rows_;        ///< without the last axis
  Shape one_column_;  ///< with a last axis of size 1
};

}  // namespace

void grow_row_groups(Groups& groups) {
  for (NodeIndex node = 0; node < groups.size(); ++node) {
    if (groups.is_single(node) && folds_rows(groups, node)) RowGroup(groups, node).grow();
  }
}

}  // namespace sluice::passes
