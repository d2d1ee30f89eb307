#include "passes/fuse_groups.h"

#include <algorithm>

#include "ir/error.h"
#include "ir/reduction.h"

namespace sluice::passes {

using ir::Op;

namespace {

/// Whether a value is a number that the batch size alone determines.
bool follows_from_batch_size(const ir::Node& node, const std::vector<FuseRole>& roles) {
  if (node.op == Op::kBatchSize) return true;
  return ir::info(node.op).has(ir::kElementwise) && node.types[0].shape.rank() == 0 &&
         std::ranges::all_of(node.operands, [&](ir::Value v) { return roles[v.node] == FuseRole::kCheap; });
}

/// `roles` has those of the nodes before.
FuseRole role_of(const ir::Node& node, const std::vector<FuseRole>& roles) {
  if (follows_from_batch_size(node, roles)) return FuseRole::kCheap;
  if (ir::info(node.op).has(ir::kElementwise)) return FuseRole::kLoop;
  switch (node.op) {
    case Op::kRandomUniform:
    case Op::kRandomNormal:
      // Key and counter are scalars: in a scalar group they could be values of the group itself.
      return node.types[0].shape.rank() > 0 ? FuseRole::kLoop : FuseRole::kOther;
    case Op::kMatmul:
      return FuseRole::kMatmul;
    case Op::kReduceSum:
    case Op::kReduceMax:
    case Op::kReduceMin:
    case Op::kArgmax:
      return ir::reduced_axes(node).empty() ? FuseRole::kOther : FuseRole::kReduce;
    case Op::kBroadcast:
    case Op::kIota:
    case Op::kOneHot:
      return FuseRole::kCheap;
    case Op::kConstant:
      return node.types[0].shape.rank() == 0 ? FuseRole::kCheap : FuseRole::kOther;
    default:
      return FuseRole::kOther;
  }
}

}  // namespace

Groups::Groups(const ir::Graph& graph)
    : graph_(graph),
      users_(graph.nodes().size()),
      escapes_(graph.nodes().size()),
      members_(graph.nodes().size()),
      kinds_(graph.nodes().size(), GroupKind::kSingle),
      visited_(graph.nodes().size()) {
  for (NodeIndex i = 0; i < graph.nodes().size(); ++i) {
    roles_.push_back(role_of(graph.node(i), roles_));
    group_.push_back(i);
    members_[i] = {i};
    for (const ir::Value operand : graph.node(i).operands) {
      std::vector<NodeIndex>& users = users_[operand.node];
      if (users.empty() || users.back() != i) users.push_back(i);
    }
  }
  for (const ir::Value result : graph.results()) escapes_[result.node] = true;
  for (const ir::State& state : graph.states()) {
    if (state.update) escapes_[state.update->node] = true;
  }
}

const Shape& Groups::shape(NodeIndex node) const {
  if (roles_[node] == FuseRole::kReduce) return graph_.type(graph_.node(node).operands[0]).shape;
  return graph_.node(node).types[0].shape;
}

bool Groups::read_outside(NodeIndex node) const {
  return escapes_[node] ||
         std::ranges::any_of(users_[node], [&](NodeIndex user) { return group_[user] != group_[node]; });
}

bool Groups::can_merge(GroupIndex a, GroupIndex b) const {
  return !path_through_third(a, b) && !path_through_third(b, a);
}

bool Groups::path_through_third(GroupIndex from, GroupIndex to) const {
  ++search_;
  visited_[from] = search_;
  std::vector<GroupIndex> stack;
  const auto visit_users = [&](GroupIndex group) {
    for (const NodeIndex member : members_[group]) {
      for (const NodeIndex user : users_[member]) {
        const GroupIndex next = group_[user];
        if (visited_[next] == search_) continue;
        if (next == to) {
          if (group != from) return true;
          continue;
        }
        visited_[next] = search_;
        stack.push_back(next);
      }
    }
    return false;
  };
  visit_users(from);
  while (!stack.empty()) {
    const GroupIndex group = stack.back();
    stack.pop_back();
    if (visit_users(group)) return true;
  }
  return false;
}

void Groups::merge(GroupIndex into, GroupIndex from) {
  SLUICE_CHECK(into != from, "group {} into itself", into);
  std::vector<NodeIndex> all;
  std::ranges::merge(members_[into], members_[from], std::back_inserter(all));
  for (const NodeIndex node : members_[from]) group_[node] = into;
  members_[into] = std::move(all);
  members_[from].clear();
}

void Groups::split_off(NodeIndex node) {
  const GroupIndex group = group_[node];
  SLUICE_CHECK(members_[node].empty() && group != node, "node {} gives group {} its name", node, group);
  std::erase(members_[group], node);
  group_[node] = node;
  members_[node] = {node};
  kinds_[node] = GroupKind::kSingle;
}

}  // namespace sluice::passes
