#include <algorithm>
#include <map>

#include "passes/fuse_groups.h"

// A product takes as its epilogue what reads it element by element. In a training step that is bias and activation in
// the forward products, the mask of relu in the backward ones, and the whole update of a variable in the product that
// is its gradient.
namespace sluice::passes {

namespace {

/// Takes in readers of the group's values, and readers of those, as long as no group stands in a cycle. One that could
/// not be taken in may be when another whose value it reads has been.
void take_consumers(Groups& groups, GroupIndex group) {
  const Shape shape = groups.shape(group);
  std::vector<NodeIndex> taken{group};
  while (!taken.empty()) {
    NodeSet candidates;
    for (const NodeIndex node : taken) {
      for (const NodeIndex user : groups.users(node)) {
        if (groups.is_free_loop(user, shape)) candidates.insert(user);
      }
    }
    taken.clear();
    for (const NodeIndex candidate : candidates) {
      if (!groups.can_merge(group, candidate)) continue;
      groups.merge(group, candidate);
      taken.push_back(candidate);
    }
  }
}

/// Returns whether the value of `node` is in memory whatever is fused: a kernel that cannot take it in reads it.
bool is_stored_anyway(const Groups& groups, NodeIndex node) {
  const FuseRole role = groups.role(node);
  if (groups.graph().node(node).op == ir::Op::kWindows) return false;  // others need not store them
  if (role != FuseRole::kLoop && role != FuseRole::kMatmul) return true;
  return groups.escapes(node) || !groups.is_single(node) || groups.is_read_from_memory(node);
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

/// The sums over axis 0, by what they sum up.
using ColumnSums = std::map<ir::Value, NodeSet>;

ColumnSums find_column_sums(const Groups& groups) {
  ColumnSums sums;
  for (NodeIndex i = 0; i < groups.size(); ++i) {
    const ir::Node& node = groups.graph().node(i);
    const bool sums_columns =
        node.op == ir::Op::kReduceSum && node.attributes.integers(ir::Attr::kAxes) == std::vector<std::int64_t>{0};
    if (sums_columns) sums[node.operands[0]].insert(i);
  }
  return sums;
}

/// Takes in the sums of the columns of a rhs without batch axes: in a training step, a bias's gradient beside the
/// weight's.
void take_column_sums(Groups& groups, NodeIndex product, ColumnSums& column_sums) {
  const ir::Node& node = groups.graph().node(product);
  if (node.types[0].shape.rank() != 2) return;
  if (node.attributes.flag(ir::Attr::kTransposeB) || !is_float(node.types[0].dtype)) return;
  if (node.types[0].shape.element_count().size == 0) return;  // a kernel without work would not store them
  const ir::Value factor = node.operands[1];
  const auto sums = column_sums.find(factor);
  if (sums == column_sums.end() || groups.role(factor.node) == FuseRole::kCheap) return;
  for (const NodeIndex sum : sums->second) {
    if (!groups.can_merge(product, sum)) continue;
    groups.merge(product, sum);
    sums->second.erase(sum);
    return;
  }
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
    // The last of the members that go back has no reader in the group, and one reader, or several that reduce alike.
    const auto may_take = [&](NodeIndex user) {
      const bool takes = groups.role(user) == FuseRole::kLoop || groups.role(user) == FuseRole::kReduce;
      return takes && groups.is_single(user);
    };
    const std::vector<NodeIndex>& users = groups.users(member);
    if (std::ranges::all_of(users, may_take)) readers.insert(users.begin(), users.end());
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
    if (serving.empty() || count_stored(groups, group, serving) >= count_stored(groups, group, {})) continue;
    // Last first: the group reads none of them any more when its turn comes.
    for (auto member = serving.rbegin(); member != serving.rend(); ++member) groups.split_off(*member);
  }
}

/// Takes in what computes the rhs element by element for this product alone: the kernel packs the panels of the rhs and
/// computes their elements meanwhile, so the rhs is never stored whole.
void take_rhs(Groups& groups, GroupIndex group, NodeIndex product) {
  const ir::Node& node = groups.graph().node(product);
  if (node.types[0].shape.element_count().size == 0) return;  // a kernel without work
  NodeSet taken;
  std::vector<NodeIndex> open{node.operands[1].node};
  while (!open.empty() && taken.size() < ir::kMostRhsMembers) {
    const NodeIndex next = open.back();
    open.pop_back();
    const bool is_free = groups.is_single(next) && groups.role(next) != FuseRole::kCheap && !groups.escapes(next) &&
                         next != node.operands[0].node;
    if (!is_free || taken.contains(next) || !ir::can_feed_rhs(groups.graph().node(next))) continue;
    const auto is_inside = [&](NodeIndex user) { return user == product || taken.contains(user); };
    if (!std::ranges::all_of(groups.users(next), is_inside)) continue;
    taken.insert(next);
    for (const ir::Value operand : groups.graph().node(next).operands) open.push_back(operand.node);
  }
  // Last first: then the group alone reads each.
  for (auto member = taken.rbegin(); member != taken.rend(); ++member) {
    if (!groups.can_merge(group, *member)) return;
    groups.merge(group, *member);
  }
}

/// Takes in the windows that are operand `i`: the kernel packs those of its tiles.
void take_windows(Groups& groups, GroupIndex group, NodeIndex product, std::size_t i) {
  const ir::Graph& graph = groups.graph();
  const ir::Node& node = graph.node(product);
  const ir::Node* const windows = ir::packable_windows(graph, node, i);
  if (windows == nullptr || node.types[0].shape.element_count().size == 0) return;  // or a kernel without work
  // Last first: then the group alone reads each.
  std::vector<NodeIndex> members{node.operands[i].node};
  if (&graph.node(members[0]) != windows) members.push_back(graph.node(members[0]).operands[0].node);
  const auto is_own = [&](NodeIndex member) {
    return groups.is_single(member) && !groups.escapes(member) && groups.users(member).size() == 1;
  };
  if (!std::ranges::all_of(members, is_own) || node.operands[1 - i].node == members[0]) return;
  if (groups.room(group) < members.size()) return;
  for (const NodeIndex member : members) {
    if (!groups.can_merge(group, member)) return;
    groups.merge(group, member);
  }
}

}  // namespace

void grow_matmul_groups(Groups& groups) {
  // Last first: what two products feed goes to the later one, and a mask that only a backward product reads goes there
  // and not to the forward product, which would have to store it.
  ColumnSums column_sums = find_column_sums(groups);
  std::vector<GroupIndex> products;
  for (NodeIndex node = groups.size(); node-- > 0;) {
    if (groups.role(node) != FuseRole::kMatmul) continue;
    groups.set_kind(groups.of(node), KernelKind::kMatmul);
    products.push_back(groups.of(node));
    const Shape shape = groups.shape(node);
    take_consumers(groups, node);
    NodeSet producers = private_producers(groups, node, shape);
    keep_those_of_stored_operands(groups, node, producers);
    take(groups, node, producers);
    give_back(groups, node);
    take_column_sums(groups, node, column_sums);
  }
  // Only now what would pull an earlier product's epilogue away from it.
  for (const GroupIndex group : products) {
    take(groups, group, private_producers(groups, group, groups.shape(group)));
  }
  // Last, so that a value that can be another product's epilogue is that.
  for (const GroupIndex group : products) {
    take_windows(groups, group, group, 0);
    take_windows(groups, group, group, 1);
    take_rhs(groups, group, group);
  }
}

}  // namespace sluice::passes
