#include <algorithm>
#include <set>

#include "passes/fuse_groups.h"

// A product takes as its epilogue what reads it element by element. In a training step that is bias and activation in
// the forward products, the mask of relu in the backward ones, and the whole update of a variable in the product that
// is its gradient.
namespace sluice::passes {

namespace {

using NodeSet = std::set<NodeIndex>;  // ordered: the result must not depend on addresses or hashes

/// Takes in readers of the group's values, and readers of those, as long as no group stands in a cycle.
void take_consumers(Groups& groups, GroupIndex group) {
  const Shape shape = groups.shape(groups.members(group)[0]);
  bool changed = true;
  while (changed) {
    changed = false;
    NodeSet candidates;
    for (const NodeIndex member : groups.members(group)) {
      for (const NodeIndex user : groups.users(member)) {
        if (groups.is_free_loop(user, shape)) candidates.insert(user);
      }
    }
    for (const NodeIndex candidate : candidates) {
      if (!groups.can_merge(group, candidate)) continue;
      groups.merge(group, candidate);
      changed = true;
    }
  }
}

/// Whether memory holds the value of `node` whatever is fused: a kernel that cannot take it in reads it.
bool is_stored_anyway(const Groups& groups, NodeIndex node) {
  const FuseRole role = groups.role(node);
  if (role != FuseRole::kLoop && role != FuseRole::kMatmul) return true;
  if (groups.escapes(node) || !groups.is_single(node)) return true;
  return std::ranges::any_of(groups.users(node), [&](NodeIndex user) {
    const FuseRole reader = groups.role(user);
    return reader != FuseRole::kLoop && !(reader == FuseRole::kReduce && role == FuseRole::kLoop);
  });
}

/// The nodes that only the group reads, directly or through one another, and only element by element.
NodeSet private_producers(const Groups& groups, GroupIndex group, const Shape& shape) {
  NodeSet found;
  const auto reads_inside = [&](NodeIndex user) {
    return groups.role(user) != FuseRole::kMatmul && (groups.contains(group, user) || found.contains(user));
  };
  for (NodeIndex node = groups.members(group).back(); node-- > 0;) {
    if (!groups.is_free_loop(node, shape) || groups.escapes(node)) continue;
    if (std::ranges::all_of(groups.users(node), reads_inside)) found.insert(node);
  }
  return found;
}

/// Of `producers`, those for whom nothing new must be kept in memory: each operand is stored anyway or taken in too.
void keep_those_of_stored_operands(const Groups& groups, GroupIndex group, NodeSet& producers) {
  const auto is_at_hand = [&](ir::Value operand) {
    return groups.contains(group, operand.node) || producers.contains(operand.node) ||
           is_stored_anyway(groups, operand.node);
  };
  const auto is_kept = [&](NodeIndex node) {
    const auto reads_inside = [&](NodeIndex user) { return groups.contains(group, user) || producers.contains(user); };
    return std::ranges::all_of(groups.graph().node(node).operands, is_at_hand) &&
           std::ranges::all_of(groups.users(node), reads_inside);
  };
  while (std::erase_if(producers, [&](NodeIndex node) { return !is_kept(node); }) > 0) {
  }
}

/// Takes in the sums of the second factor's columns: in a training step, a bias's gradient beside the weight's.
void take_column_sums(Groups& groups, NodeIndex product) {
  const ir::Node& node = groups.graph().node(product);
  if (node.attributes.flag(ir::Attr::kTransposeB) || !is_float(node.types[0].dtype)) return;
  if (node.types[0].shape.element_count().size == 0) return;  // no unit of work would make the sums
  const ir::Value factor = node.operands[1];
  if (groups.role(factor.node) == FuseRole::kCheap) return;
  for (const NodeIndex user : groups.users(factor.node)) {
    const ir::Node& sums = groups.graph().node(user);
    const bool sums_columns = sums.op == ir::Op::kReduceSum && sums.operands[0] == factor &&
                              sums.attributes.integers(ir::Attr::kAxes) == std::vector<std::int64_t>{0};
    if (!sums_columns || !groups.is_single(user) || !groups.can_merge(groups.of(product), user)) continue;
    groups.merge(groups.of(product), user);
    return;
  }
}

void take(Groups& groups, GroupIndex group, const NodeSet& nodes) {
  for (const NodeIndex node : nodes) groups.merge(group, node);
}

std::size_t count_stored(const Groups& groups, GroupIndex group, const NodeSet& without) {
  std::size_t count = 0;
  for (const NodeIndex member : groups.members(group)) {
    if (without.contains(member)) continue;
    const auto reads_outside = [&](NodeIndex user) { return !groups.contains(group, user) || without.contains(user); };
    if (groups.escapes(member) || std::ranges::any_of(groups.users(member), reads_outside)) ++count;
  }
  return count;
}

/// The members that serve `is_target` only: all readers are targets or serve them.
template <typename IsTarget>
NodeSet members_serving(const Groups& groups, GroupIndex group, IsTarget is_target) {
  NodeSet found;
  const std::vector<NodeIndex>& members = groups.members(group);
  for (auto member = members.rbegin(); member != members.rend(); ++member) {
    if (groups.role(*member) != FuseRole::kLoop || groups.escapes(*member)) continue;
    const auto serves = [&](NodeIndex user) { return found.contains(user) || is_target(user); };
    if (std::ranges::all_of(groups.users(*member), serves)) found.insert(*member);
  }
  return found;
}

/// Hands members back that one later kernel can compute for itself from values which are stored anyway: the square of a
/// gradient that a norm sums up, for instance.
void give_back(Groups& groups, GroupIndex group) {
  NodeSet readers;
  for (const NodeIndex member : groups.members(group)) {
    for (const NodeIndex user : groups.users(member)) {
      const bool may_take = groups.role(user) == FuseRole::kLoop || groups.role(user) == FuseRole::kReduce;
      if (may_take && groups.is_single(user) && !groups.contains(group, user)) readers.insert(user);
    }
  }
  for (const NodeIndex reader : readers) {
    const ir::Node& node = groups.graph().node(reader);
    const auto is_target = [&](NodeIndex user) {
      if (user == reader) return true;
      return groups.role(reader) == FuseRole::kReduce && groups.role(user) == FuseRole::kReduce &&
             groups.is_single(user) && groups.shape(user) == groups.shape(reader) &&
             groups.graph().node(user).attributes == node.attributes;
    };
    const NodeSet serving = members_serving(groups, group, is_target);
    if (count_stored(groups, group, serving) >= count_stored(groups, group, {})) continue;
    for (const NodeIndex member : serving) groups.split_off(member);
  }
}

}  // namespace

void grow_matmul_groups(Groups& groups) {
  // Last first: what two products feed goes to the later one, and a mask that only a backward product reads goes there
  // and not to the forward product, which would have to store it.
  std::vector<GroupIndex> products;
  for (NodeIndex node = groups.size(); node-- > 0;) {
    if (groups.role(node) != FuseRole::kMatmul) continue;
    groups.set_kind(groups.of(node), GroupKind::kMatmul);
    products.push_back(groups.of(node));
    const Shape shape = groups.shape(node);
    take_consumers(groups, node);
    NodeSet producers = private_producers(groups, node, shape);
    keep_those_of_stored_operands(groups, node, producers);
    take(groups, node, producers);
    give_back(groups, node);
    take_column_sums(groups, node);
  }
  // Only now what would pull an earlier product's epilogue away from it.
  for (const GroupIndex group : products) {
    take(groups, group, private_producers(groups, group, groups.shape(group)));
  }
}

}  // namespace sluice::passes
