#include "passes/fuse_groups.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <optional>

#include "ir/reduction.h"
#include "sluice/error.h"

namespace sluice::passes {

using ir::Op;

namespace {

FuseRole role_of(const ir::Node& node, bool is_cheap_number) {
  if (is_cheap_number) return FuseRole::kCheap;
  const ir::OpInfo& row = ir::info(node.op);
  if (row.has(ir::kElementwise)) return FuseRole::kLoop;
  if (row.has(ir::kReduction)) return ir::reduced_axes(node).empty() ? FuseRole::kOther : FuseRole::kReduce;
  if (row.has(ir::kCheap)) return FuseRole::kCheap;
  switch (node.op) {
    case Op::kRandomUniform:
    case Op::kRandomNormal:
      // Key and counter are scalars: in a scalar group they could be values of the group itself.
      return node.types[0].shape.rank() > 0 ? FuseRole::kLoop : FuseRole::kOther;
    case Op::kMatmul:
      return FuseRole::kMatmul;
    case Op::kWindows:
      return FuseRole::kCheap;
    case Op::kAddWindows:
      return FuseRole::kLoop;
    default:
      return FuseRole::kOther;
  }
}

/// Between the ranks of neighboring nodes at first, so that there is room for groups that have to move.
constexpr std::int64_t kRankStep = std::int64_t{1} << 20;

/// The most edges that a search for a path follows. Where it takes more, the groups are far apart and do not merge.
constexpr std::size_t kMostEdges = 2000;

}  // namespace

Groups::Groups(const ir::Graph& graph)
    : graph_(graph),
      users_(graph.nodes().size()),
      escapes_(graph.nodes().size()),
      is_added_(graph.nodes().size()),
      read_from_memory_(graph.nodes().size()),
      members_(graph.nodes().size()),
      kinds_(graph.nodes().size()) {
  for (auto& visited : visited_) visited.resize(graph.nodes().size());
  std::vector<std::size_t> cheap_sizes;
  for (NodeIndex i = 0; i < graph.nodes().size(); ++i) {
    const ir::Node& node = graph.node(i);
    cheap_sizes.push_back(ir::cheap_size(node, cheap_sizes));
    roles_.push_back(role_of(node, cheap_sizes.back() > 0));
    group_.push_back(i);
    members_[i] = {i};
    ranks_.push_back(kRankStep * i);
    for (const ir::Value operand : node.operands) {
      std::vector<NodeIndex>& users = users_[operand.node];
      if (users.empty() || users.back() != i) users.push_back(i);
      const bool element_by_element = (roles_[i] == FuseRole::kLoop && node.op != Op::kAddWindows) ||
                                      (roles_[i] == FuseRole::kReduce && roles_[operand.node] == FuseRole::kLoop);
      if (!element_by_element) read_from_memory_[operand.node] = true;
    }
  }
  for (NodeIndex i = 0; i < size(); ++i) {
    degrees_[0].push_back(users_[i].size());
    degrees_[1].push_back(graph.node(i).operands.size());
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

template <typename Visit>
void Groups::for_neighbors(GroupIndex group, Direction direction, Visit visit) const {
  for (const NodeIndex member : members_[group]) {
    if (direction == Direction::kForward) {
      for (const NodeIndex user : users_[member]) {
        if (group_[user] != group) visit(group_[user]);
      }
    } else {
      for (const ir::Value operand : graph_.node(member).operands) {
        if (group_[operand.node] != group) visit(group_[operand.node]);
      }
    }
  }
}

Groups::Search Groups::search_between(GroupIndex low, GroupIndex high) const {
  ++searches_;
  std::array<std::vector<GroupIndex>, 2> open{{{low}, {high}}};
  std::array<std::size_t, 2> edges{degrees_[0][low], degrees_[1][high]};  // of the groups that have been opened
  bool meets = false;
  const auto expand = [&](GroupIndex group, Direction direction) {
    const auto side = static_cast<std::size_t>(direction);
    const GroupIndex start = side == 0 ? low : high;
    const GroupIndex goal = side == 0 ? high : low;
    for_neighbors(group, direction, [&](GroupIndex next) {
      if (next == goal) {
        meets = meets || group != start;
        return;
      }
      const bool between = ranks_[low] < ranks_[next] && ranks_[next] < ranks_[high];
      if (!between || visited_[side][next] == searches_) return;
      visited_[side][next] = searches_;
      meets = meets || visited_[1 - side][next] == searches_;
      open[side].push_back(next);
      edges[side] += degrees_[side][next];
    });
  };
  for (;;) {
    for (const Direction direction : {Direction::kForward, Direction::kBackward}) {
      if (open[static_cast<std::size_t>(direction)].empty()) return {Merge::kAllowed, direction};
    }
    // The direction that has less to look at goes ahead, so that a wide one costs no more than the other.
    const auto direction = edges[0] <= edges[1] ? Direction::kForward : Direction::kBackward;
    const auto side = static_cast<std::size_t>(direction);
    if (edges[side] > kMostEdges) return {Merge::kUnknown};
    const GroupIndex group = open[side].back();
    open[side].pop_back();
    expand(group, direction);
    if (meets) return {Merge::kCycle};
  }
}

Merge Groups::may_merge(GroupIndex a, GroupIndex b) const {
  if (members_[a].size() + members_[b].size() > kMostMembers) return Merge::kTooLarge;
  if (ranks_[a] == ranks_[b]) return Merge::kAllowed;
  const auto [low, high] = std::minmax(a, b, [&](GroupIndex x, GroupIndex y) { return ranks_[x] < ranks_[y]; });
  return search_between(low, high).found;
}

void Groups::merge(GroupIndex into, GroupIndex from) {
  SLUICE_CHECK(into != from, "group {} into itself", into);
  std::optional<Direction> moving;  // the groups that must move out of the way
  if (ranks_[into] != ranks_[from]) {
    const auto [low, high] = std::minmax(into, from, [&](GroupIndex x, GroupIndex y) { return ranks_[x] < ranks_[y]; });
    const Search search = search_between(low, high);
    SLUICE_CHECK(search.found == Merge::kAllowed, "groups {} and {} may not merge", into, from);
    moving = search.exhausted;
    ranks_[into] = ranks_[moving == Direction::kForward ? high : low];
  }
  std::vector<NodeIndex> all;
  std::ranges::merge(members_[into], members_[from], std::back_inserter(all));
  for (const NodeIndex node : members_[from]) group_[node] = into;
  members_[into] = std::move(all);
  members_[from].clear();
  for (auto& degrees : degrees_) degrees[into] += degrees[from];
  if (moving) restore_ranks(into, *moving);
}

void Groups::restore_ranks(GroupIndex group, Direction direction) {
  const Rank sign = direction == Direction::kForward ? 1 : -1;
  std::set<std::pair<Rank, GroupIndex>> open;  // nearest first, so that each group moves once
  const auto open_neighbors = [&](GroupIndex moved) {
    for_neighbors(moved, direction, [&](GroupIndex next) {
      if (sign * ranks_[next] <= sign * ranks_[moved]) open.insert({sign * ranks_[next], next});
    });
  };
  open_neighbors(group);
  while (!open.empty()) {
    const GroupIndex next = open.begin()->second;
    open.erase(open.begin());
    SLUICE_CHECK(next != group, "group {} stands in a cycle", group);
    for_neighbors(next, opposite(direction), [&](GroupIndex before) {
      ranks_[next] = sign * std::max(sign * ranks_[next], sign * ranks_[before] + 1);
    });
    open_neighbors(next);
  }
}

void Groups::make_single(NodeIndex node, Rank rank) {
  group_[node] = node;
  members_[node] = {node};
  kinds_[node] = std::nullopt;
  ranks_[node] = rank;
  degrees_[0][node] = users_[node].size();
  degrees_[1][node] = graph_.node(node).operands.size();
}

void Groups::split_off(NodeIndex node) {
  const GroupIndex group = group_[node];
  SLUICE_CHECK(members_[node].empty() && group != node, "node {} gives group {} its name", node, group);
  std::erase(members_[group], node);
  make_single(node, ranks_[group]);
  for (std::size_t side = 0; side < degrees_.size(); ++side) degrees_[side][group] -= degrees_[side][node];
  for (const GroupIndex part : {group, node}) restore_ranks(part, Direction::kForward);
}

void Groups::dissolve(GroupIndex group) {
  const std::vector<NodeIndex> members = std::move(members_[group]);
  const Rank rank = ranks_[group];
  for (const NodeIndex node : members) make_single(node, rank);
  for (const NodeIndex node : members) restore_ranks(node, Direction::kForward);
}

NodeSet private_producers(const Groups& groups, GroupIndex group, const Shape& shape) {
  NodeSet found;
  std::set<NodeIndex, std::greater<>> open;  // last first: all readers of a node are known when its turn comes
  const auto open_operands = [&](NodeIndex node) {
    for (const ir::Value operand : groups.graph().node(node).operands) {
      if (!groups.contains(group, operand.node)) open.insert(operand.node);
    }
  };
  const auto reads_inside = [&](NodeIndex user) {
    return groups.role(user) != FuseRole::kMatmul && (groups.contains(group, user) || found.contains(user));
  };
  for (const NodeIndex member : groups.members(group)) open_operands(member);
  while (!open.empty() && found.size() < groups.room(group)) {
    const NodeIndex node = *open.begin();
    open.erase(open.begin());
    if (!groups.is_free_loop(node, shape) || groups.escapes(node)) continue;
    if (!std::ranges::all_of(groups.users(node), reads_inside)) continue;
    found.insert(node);
    open_operands(node);
  }
  return found;
}

void take(Groups& groups, GroupIndex group, const NodeSet& producers) {
  // Last first: then the group alone reads each.
  for (auto node = producers.rbegin(); node != producers.rend(); ++node) groups.merge(group, *node);
}

}  // namespace sluice::passes
