#include "passes/rewrite.h"

#include <set>

#include "ir/error.h"
#include "passes/rebuild.h"

namespace sluice::passes {

namespace {

/// Rules look at the makers of a node's operands, so a change may wake a rule further down (in the same sweep) or up
/// (in the next). Every rule makes the graph simpler in the order that the tables have in mind, so this is far away.
constexpr int kMostSweeps = 200;

/// One walk over a graph: each node is appended to a new one, or what a rule puts in its place.
class Sweep {
 public:
  Sweep(const ir::Graph& graph, std::span<const Rule> rules, const RewriteOptions& options)
      : graph_(graph), rules_(rules), options_(options), rebuild_(graph), old_uses_(graph.nodes().size()) {
    for (const ir::Node& node : graph.nodes()) {
      for (const ir::Value operand : node.operands) ++old_uses_[operand.node];
    }
    for (const ir::Value result : graph.results()) ++old_uses_[result.node];
    for (const ir::State& state : graph.states()) {
      if (state.update) ++old_uses_[state.update->node];
    }
  }

  /// The new graph, or nothing if no rule fits.
  std::optional<ir::Graph> run() && {
    for (std::uint32_t i = 0; i < graph_.nodes().size(); ++i) {
      uses_.resize(rebuild_.builder().graph().nodes().size());
      if (!replace(i)) rebuild_.copy(i);
      uses_.resize(rebuild_.builder().graph().nodes().size());
      if (!graph_.node(i).types.empty()) uses_[rebuild_.at({i, 0}).node] += old_uses_[i];
    }
    if (!changed_) return std::nullopt;
    return std::move(rebuild_).finish();
  }

 private:
  bool replace(std::uint32_t index) {
    const ir::Node& node = graph_.node(index);
    if (node.types.size() != 1 || ir::info(node.op).has(ir::kInput)) return false;
    rebuild_.builder().set_origins(node.origins);
    Match match(rebuild_.builder(), node, rebuild_.operands(index), uses_);
    const auto first = static_cast<std::uint32_t>(rebuild_.builder().graph().nodes().size());
    for (const Rule& rule : rules_) {
      if (rule.root && *rule.root != node.op) continue;
      if (rule.exactness == Exactness::kFast && !options_.fast) continue;
      match.begin_rule();
      const std::optional<ir::Value> value = rule.apply(match);
      if (!value) continue;
      SLUICE_CHECK(rebuild_.builder().type(*value) == node.types[0], "rule '{}' makes {} of {}", rule.name,
                   to_string(rebuild_.builder().type(*value)), to_string(node.types[0]));
      rebuild_.builder().add_origins(first, origins_of_pattern(match, first));
      rebuild_.map({index, 0}, *value);
      if (options_.on_rule) options_.on_rule(rule);
      changed_ = true;
      return true;
    }
    return false;
  }

  /// The lines of the nodes below the root that the nodes from `first` on stand for: those that the rule has looked at,
  /// down to what the new nodes read.
  ir::Origins origins_of_pattern(const Match& match, std::uint32_t first) {
    const ir::Graph& graph = rebuild_.builder().graph();
    std::set<std::uint32_t> done;  // what the new nodes read, and what has been visited
    for (std::size_t i = first; i < graph.nodes().size(); ++i) {
      for (const ir::Value operand : graph.nodes()[i].operands) done.insert(operand.node);
    }
    ir::Origins origins;
    std::vector<ir::Value> open = match.operands();
    for (std::size_t next = 0; next < open.size(); ++next) {
      const std::uint32_t index = open[next].node;
      const ir::Node& node = graph.node(index);
      if (ir::info(node.op).has(ir::kInput) || !match.looked_at(index)) continue;
      if (!done.insert(index).second) continue;
      ir::merge_origins(origins, node.origins);
      open.insert(open.end(), node.operands.begin(), node.operands.end());
    }
    return origins;
  }

  const ir::Graph& graph_;
  std::span<const Rule> rules_;
  const RewriteOptions& options_;
  Rebuild rebuild_;
  std::vector<std::uint32_t> old_uses_;  // by node of the old graph
  std::vector<std::uint32_t> uses_;      // by node of the new one: at least the readers to come
  bool changed_ = false;
};

}  // namespace

std::optional<ir::Value> Match::inner(std::size_t i, ir::Op op, std::size_t j) const {
  const ir::Node& node = maker(i);
  return node.op == op ? std::optional(node.operands[j]) : std::nullopt;
}

std::optional<double> Match::number(std::size_t i) const {
  const std::optional<double> number = ir::splat_value(builder_.graph(), operands_[i]);
  // The constant and what repeats it.
  for (ir::Value value = operands_[i]; number;) {
    const ir::Node& node = maker_of(value);
    if (node.operands.empty()) break;
    value = node.operands[0];
  }
  return number;
}

std::vector<Rule> all_rules() {
  std::vector<Rule> all;
  // Folding first: what is a constant needs no algebra.
  for (const auto table : {folding_rules(), arithmetic_rules(), logic_rules(), shape_rules(), structure_rules()}) {
    all.insert(all.end(), table.begin(), table.end());
  }
  return all;
}

ir::Graph rewrite(const ir::Graph& graph, std::span<const Rule> rules, const RewriteOptions& options) {
  ir::Graph current = remove_dead(graph);
  for (int sweep = 0; sweep < kMostSweeps; ++sweep) {
    std::optional<ir::Graph> next = Sweep(current, rules, options).run();
    if (!next) return current;
    current = std::move(*next);
  }
  SLUICE_UNREACHABLE("rewriting graph @{} does not come to an end", graph.name());
}

ir::Graph canonicalize(const ir::Graph& graph) { return rewrite(graph, all_rules()); }

}  // namespace sluice::passes
