#include <algorithm>
#include <map>
#include <optional>
#include <queue>
#include <set>

#include "passes/fuse_groups.h"
#include "passes/rebuild.h"

namespace sluice::passes {

using ir::Op;
using ir::Value;

namespace {

/// Returns whether `to` is `from` but for axes of size 1.
bool differ_in_ones_only(const Shape& from, const Shape& to) {
  const auto without_ones = [](const Shape& shape) {
    std::vector<Dim> dims;
    std::ranges::copy_if(shape, std::back_inserter(dims), [](Dim dim) { return dim != Dim(1); });
    return dims;
  };
  return without_ones(from) == without_ones(to);
}

/// Returns whether each body recomputes a cheap node instead of reading its value.
bool is_made_anew(const Groups& groups, NodeIndex node) {
  return groups.role(node) == FuseRole::kCheap && groups.is_single(node);
}

/// By node: its own group, or, of a cheap node or a reshape, the one that all its readers are in, straight or through
/// such nodes; none where they are in several.
std::vector<std::optional<GroupIndex>> find_only_readers(const Groups& groups) {
  std::vector<std::optional<GroupIndex>> only(groups.size());
  for (NodeIndex node = groups.size(); node-- > 0;) {
    const bool is_reshape = groups.graph().node(node).op == Op::kReshape && groups.is_single(node);
    if (!is_made_anew(groups, node) && !is_reshape) only[node] = groups.of(node);
    const std::vector<NodeIndex>& users = groups.users(node);
    if (only[node] || groups.escapes(node) || users.empty()) continue;
    const std::optional<GroupIndex> first = only[users[0]];
    if (std::ranges::all_of(users, [&](NodeIndex user) { return only[user] == first; })) only[node] = first;
  }
  return only;
}

/// Makes the body of one group.
class BodyMaker {
 public:
  BodyMaker(const Groups& groups, GroupIndex group) : groups_(groups), graph_(groups.graph()), group_(group) {
    // A product stands before the sums of its factor's columns, which it need not.
    const auto beside_product = [&](NodeIndex member) {
      return groups.kind(group) == KernelKind::kMatmul && groups.role(member) == FuseRole::kReduce;
    };
    for (const bool beside : {false, true}) {
      for (const NodeIndex member : groups.members(group)) {
        if (beside_product(member) == beside) list(member);
      }
    }
  }

  /// Returns whether it has more than one node: a single one would read its operands from memory anyway.
  bool worth_fusing() const { return nodes_.size() > 1; }
  /// Returns the outer values of the body's parameters, in the order of their first use.
  const std::vector<Value>& operands() const { return operands_; }
  /// Returns the outer values of its results, ascending.
  std::vector<Value> results() const {
    std::vector<Value> results;
    for (const NodeIndex member : groups_.members(group_)) {
      if (groups_.read_outside(member)) results.push_back({member, 0});
    }
    return results;
  }

  ir::Graph make() const {
    ir::Builder body(name());
    std::map<Value, Value> parameters;
    for (const Value operand : operands_) {
      parameters[operand] =
          body.parameter(fmt::format("p{}", parameters.size()), graph_.type(operand), {}, graph_.node(operand).origins);
    }
    std::map<NodeIndex, Value> made;
    for (const BodyNode& entry : nodes_) {
      const ir::Node& node = graph_.node(entry.node);
      std::vector<Value> operands;
      for (std::size_t i = 0; i < node.operands.size(); ++i) {
        const Value operand = node.operands[i];
        operands.push_back(entry.reads_inside[i] ? made.at(operand.node) : parameters.at(operand));
      }
      made[entry.node] = body.add(node.op, std::move(operands), node.attributes, node.origins);
    }
    std::vector<Value> body_results;
    for (const Value result : results()) body_results.push_back(made.at(result.node));
    body.set_results(std::move(body_results));
    return std::move(body).finish();
  }

  /// Returns the origins of the nodes that only this group has. A cheap node that other groups also recompute may be
  /// merged from equal ones all over the model, and would bring lines that have nothing to do with this group.
  ir::Origins origins(const std::vector<std::optional<GroupIndex>>& only_readers) const {
    ir::Origins all;
    for (const BodyNode& entry : nodes_) {
      if (only_readers[entry.node] == group_) ir::merge_origins(all, graph_.node(entry.node).origins);
    }
    return all;
  }

 private:
  /// A node of the body. A value may come from outside for one reader and be recomputed for another (a broadcast that
  /// the product reads from memory and its epilogue does not), so it is the reader that knows.
  struct BodyNode {
    NodeIndex node;
    std::vector<bool> reads_inside;  ///< by operand: whether it is made in the body, else it is a parameter
  };

  /// Lists a node and, before it, the cheap ones that it reads; what else it reads becomes a parameter.
  void list(NodeIndex index) {
    const ir::Node& node = graph_.node(index);
    const bool takes_cheap = ir::info(node.op).has(ir::kElementwise) || node.op == Op::kAddWindows ||
                             groups_.role(index) == FuseRole::kReduce;
    const bool takes_windows = groups_.kind(group_) != KernelKind::kMatmul;
    BodyNode entry{index, {}};
    for (const Value operand : node.operands) {
      const bool is_cheap = takes_cheap && is_made_anew(groups_, operand.node) &&
                            (takes_windows || graph_.node(operand).op != Op::kWindows);
      if (is_cheap) list_cheap(operand.node);
      entry.reads_inside.push_back(is_cheap || groups_.contains(group_, operand.node) || add_operand(operand));
    }
    nodes_.push_back(std::move(entry));
  }

  void list_cheap(NodeIndex index) {
    if (!listed_.insert(index).second) return;
    const ir::Node& node = graph_.node(index);
    BodyNode entry{index, {}};
    for (const Value operand : node.operands)
      entry.reads_inside.push_back(list_source(node, operand) || add_operand(operand));
    nodes_.push_back(std::move(entry));
  }

  /// Lists what a cheap node reads if that need not be a parameter itself: a number that is cheap too, or, of a
  /// broadcast, a parameter with axes of size 1 put in or dropped. Returns whether it did.
  bool list_source(const ir::Node& reader, Value source) {
    const ir::Node& node = graph_.node(source);
    if (node.types[0].shape.rank() == 0 && is_made_anew(groups_, source.node)) {
      list_cheap(source.node);
      return true;
    }
    const bool is_view = reader.op == Op::kBroadcast && node.op == Op::kReshape && groups_.is_single(source.node) &&
                         differ_in_ones_only(graph_.type(node.operands[0]).shape, node.types[0].shape);
    if (!is_view) return false;
    if (!listed_.insert(source.node).second) return true;
    nodes_.push_back({source.node, {add_operand(node.operands[0])}});
    return true;
  }

  /// Makes it a parameter. Returns false: it is not made in the body.
  bool add_operand(Value operand) {
    if (std::ranges::find(operands_, operand) == operands_.end()) operands_.push_back(operand);
    return false;
  }

  /// Returns a name after the ops that it computes, for plans and profiles: "matmul_add_relu".
  std::string name() const {
    std::string result;
    std::set<Op> named;
    for (const NodeIndex index : groups_.members(group_)) {
      const Op op = graph_.node(index).op;
      if (named.size() == kNamedOps || !named.insert(op).second) continue;
      result += fmt::format("{}{}", result.empty() ? "" : "_", to_string(op));
    }
    return result;
  }

  static constexpr std::size_t kNamedOps = 4;

  const Groups& groups_;
  const ir::Graph& graph_;
  GroupIndex group_;
  std::vector<BodyNode> nodes_;
  std::set<NodeIndex> listed_;  ///< the cheap ones that `nodes_` has already
  std::vector<Value> operands_;
};

/// The groups such that each stands after all that it reads, and else where its last node stood.
std::vector<GroupIndex> in_order(const Groups& groups) {
  std::vector<std::set<GroupIndex>> readers(groups.size());
  std::vector<std::size_t> waiting(groups.size());
  for (NodeIndex node = 0; node < groups.size(); ++node) {
    for (const NodeIndex user : groups.users(node)) {
      const GroupIndex reader = groups.of(user);
      if (reader != groups.of(node) && readers[groups.of(node)].insert(reader).second) ++waiting[reader];
    }
  }
  using Entry = std::pair<NodeIndex, GroupIndex>;  // last node, group
  std::priority_queue<Entry, std::vector<Entry>, std::greater<>> ready;
  const auto push = [&](GroupIndex group) { ready.push({groups.members(group).back(), group}); };
  for (GroupIndex group = 0; group < groups.size(); ++group) {
    if (!groups.members(group).empty() && waiting[group] == 0) push(group);
  }
  std::vector<GroupIndex> order;
  while (!ready.empty()) {
    const GroupIndex group = ready.top().second;
    ready.pop();
    order.push_back(group);
    for (const GroupIndex reader : readers[group]) {
      if (--waiting[reader] == 0) push(reader);
    }
  }
  return order;
}

}  // namespace

ir::Graph emit_groups(const Groups& groups, std::vector<NodeIndex>* places) {
  Rebuild rebuild(groups.graph());
  const auto note_place = [&](GroupIndex group, NodeIndex node) {
    if (places != nullptr) (*places)[group] = node;
  };
  const auto only_readers = find_only_readers(groups);
  for (const GroupIndex group : in_order(groups)) {
    const BodyMaker body(groups, group);
    const NodeIndex first = groups.members(group)[0];
    const bool computes = groups.role(first) != FuseRole::kOther && groups.role(first) != FuseRole::kCheap;
    const bool may_fuse =
        computes || groups.kind(group) == ir::KernelKind::kMatmul || groups.kind(group) == ir::KernelKind::kArgsort;
    if (!may_fuse || !body.worth_fusing()) {
      rebuild.copy(first);
      note_place(group, rebuild.at({first, 0}).node);
      continue;
    }
    std::vector<Value> operands;
    for (const Value operand : body.operands()) operands.push_back(rebuild.at(operand));
    const Value fused = rebuild.builder().add(
        Op::kFused, operands,
        {{ir::Attr::kBody, std::make_shared<const ir::Graph>(body.make())},
         {ir::Attr::kKind, groups.kind(group).value_or(ir::kernel_kind(groups.graph().node(first)))}},
        body.origins(only_readers));
    note_place(group, fused.node);
    const std::vector<Value> results = body.results();
    for (std::uint32_t i = 0; i < results.size(); ++i) rebuild.map(results[i], {fused.node, i});
  }
  std::vector<NodeIndex> moved;
  ir::Graph graph = std::move(rebuild).finish(&moved);
  for (GroupIndex group = 0; places != nullptr && group < groups.size(); ++group) {
    if (!groups.members(group).empty()) (*places)[group] = moved[(*places)[group]];
  }
  return graph;
}

}  // namespace sluice::passes
