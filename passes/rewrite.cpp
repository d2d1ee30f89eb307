#include "passes/rewrite.h"

#include <set>
#include <utility>

#include "passes/rebuild.h"
#include "sluice/error.h"

namespace sluice::passes {

namespace {

/// Otherwise a chain of folded constants would carry the lines of all of them.
constexpr std::size_t kMostPatternOrigins = 32;

/// Nesting of rules that apply to nodes appended by rules. More than a few levels mean that rules undo each other.
constexpr int kMostNested = 100;

/// One walk over a graph: appends each node to a new graph, or what rules replace it with.
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

  /// Returns the new graph, or nothing if no rule matches.
  std::optional<ir::Graph> run() && {
    for (std::uint32_t i = 0; i < graph_.nodes().size(); ++i) {
      const ir::Node& node = graph_.node(i);
      if (node.types.size() != 1 || ir::info(node.op).has(ir::kInput)) {
        rebuild_.copy(i);
      } else {
        rebuild_.map({i, 0}, settle(node, rebuild_.operands(i), std::nullopt));
      }
      learn();
      if (!node.types.empty()) facts_[rebuild_.at({i, 0}).node].uses += old_uses_[i];
    }
    if (!changed_) return std::nullopt;
    return std::move(rebuild_).finish();
  }

 private:
  ir::Builder& builder() { return rebuild_.builder(); }
  const ir::Graph& made() { return builder().graph(); }
  std::uint32_t size() { return static_cast<std::uint32_t>(made().nodes().size()); }

  /// Returns the normal form of a node whose operands are in normal form and which counts as their reader. `appended`:
  /// its index in the new graph, if a rule has put it there with these operands.
  ir::Value settle(const ir::Node& node, std::vector<ir::Value> operands, std::optional<std::uint32_t> appended) {
    if (const std::optional<ir::Value> value = replace(node, operands)) return *value;
    if (appended) return {*appended, 0};
    return builder().add(node.op, std::move(operands), node.attributes, node.origins);
  }

  std::optional<ir::Value> replace(const ir::Node& node, const std::vector<ir::Value>& operands) {
    builder().set_origins(node.origins);
    learn();
    Match match(builder(), node, operands, facts_);
    const std::uint32_t first = size();
    for (const Rule& rule : rules_) {
      if (rule.root && *rule.root != node.op) continue;
      if (rule.exactness == Exactness::kFast && !options_.fast) continue;
      match.begin_rule();
      const std::optional<ir::Value> value = rule.apply(match);
      if (!value) continue;
      SLUICE_CHECK(builder().type(*value) == node.types[0], "rule '{}' makes {} of {}", rule.name,
                   to_string(builder().type(*value)), to_string(node.types[0]));
      builder().add_origins(first, origins_of_pattern(match, first));
      if (options_.on_rule) options_.on_rule(rule);
      changed_ = true;
      return settle_appended(first, *value, operands, rule);
    }
    return std::nullopt;
  }

  /// Brings the nodes starting at `first`, which `rule` appended in place of a reader of `operands`, into normal form.
  /// Returns the counterpart of `value`.
  ir::Value settle_appended(std::uint32_t first, ir::Value value, const std::vector<ir::Value>& operands,
                            const Rule& rule) {
    SLUICE_CHECK(++nested_ < kMostNested, "rule '{}' and others undo each other", rule.name);
    const std::uint32_t end = size();
    learn();
    for (std::uint32_t i = first; i < end; ++i) {
      for (const ir::Value operand : made().node(i).operands) ++facts_[operand.node].uses;
    }
    ++facts_[value.node].uses;  // the future reader: what `value` is made of stays
    for (const ir::Value operand : operands) release(operand.node);
    std::vector<ir::Value> settled;
    const auto now = [&](ir::Value old) { return old.node < first ? old : settled[old.node - first]; };
    for (std::uint32_t i = first; i < end; ++i) {
      const ir::Node node = made().node(i);  // a copy: the graph grows
      std::vector<ir::Value> given;
      for (const ir::Value operand : node.operands) given.push_back(now(operand));
      const std::optional<std::uint32_t> same = given == node.operands ? std::optional(i) : std::nullopt;
      settled.push_back(settle(node, std::move(given), same));
      learn();
      const std::uint32_t target = settled.back().node;
      if (target != i) facts_[target].uses += std::exchange(facts_[i].uses, 0);
    }
    const ir::Value result = now(value);
    --facts_[result.node].uses;
    --nested_;
    return result;
  }

  /// Removes one read of a node. A node that nothing reads any more does not count as a reader itself.
  void release(std::uint32_t node) {
    std::vector<std::uint32_t> open{node};
    while (!open.empty()) {
      const std::uint32_t next = open.back();
      open.pop_back();
      SLUICE_CHECK(facts_[next].uses > 0, "%{} has no reader left to drop", next);
      if (--facts_[next].uses > 0) continue;
      for (const ir::Value operand : made().node(next).operands) open.push_back(operand.node);
    }
  }

  /// Creates facts for the nodes added to the builder since the last call.
  void learn() {
    for (std::uint32_t i = static_cast<std::uint32_t>(facts_.size()); i < size(); ++i) {
      const ir::Node& node = made().node(i);
      const bool is_source = ir::info(node.op).has(ir::kInput) || node.op == ir::Op::kReshape;
      const std::optional<ir::Value> operand =
          ir::info(node.op).has(ir::kElementwise) ? varying_operand(made(), node) : std::nullopt;
      facts_.push_back({0, is_source || (operand && facts_[operand->node].near_input)});
    }
  }

  /// Returns the lines of the nodes below the root that the nodes starting at `first` replace: those that the rule has
  /// looked at, down to what the new nodes read.
  ir::Origins origins_of_pattern(const Match& match, std::uint32_t first) {
    std::set<std::uint32_t> done;  // what the new nodes read, and what has been visited
    for (std::size_t i = first; i < made().nodes().size(); ++i) {
      for (const ir::Value operand : made().nodes()[i].operands) done.insert(operand.node);
    }
    ir::Origins origins;
    std::vector<ir::Value> open = match.operands();
    for (std::size_t next = 0; next < open.size() && origins.size() < kMostPatternOrigins; ++next) {
      const std::uint32_t index = open[next].node;
      const ir::Node& node = made().node(index);
      if (ir::info(node.op).has(ir::kInput) || !match.looked_at(index)) continue;
      if (!done.insert(index).second) continue;
      ir::merge_origins(origins, node.origins);
      open.insert(open.end(), node.operands.begin(), node.operands.end());
    }
    if (origins.size() > kMostPatternOrigins) origins.resize(kMostPatternOrigins);
    return origins;
  }

  const ir::Graph& graph_;
  std::span<const Rule> rules_;
  const RewriteOptions& options_;
  Rebuild rebuild_;
  std::vector<std::uint32_t> old_uses_;  // by node of the old graph
  std::vector<NodeFacts> facts_;         // by node of the new one
  int nested_ = 0;
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

std::optional<ir::Value> varying_operand(const ir::Graph& graph, const ir::Node& node) {
  std::optional<ir::Value> varying;
  for (const ir::Value operand : node.operands) {
    if (ir::splat_value(graph, operand)) continue;
    if (varying) return {};
    varying = operand;
  }
  return varying;
}

std::vector<Rule> all_rules() {
  std::vector<Rule> all;
  // Folding first: constants need no algebra.
  for (const auto table : {folding_rules(), arithmetic_rules(), logic_rules(), shape_rules(), structure_rules()}) {
    all.insert(all.end(), table.begin(), table.end());
  }
  return all;
}

ir::Graph rewrite(const ir::Graph& graph, std::span<const Rule> rules, const RewriteOptions& options) {
  ir::Graph current = remove_dead(graph);
  // Another sweep follows only if the last one has removed readers from nodes.
  const std::size_t most_sweeps = current.nodes().size() + 2;
  for (std::size_t sweep = 0; sweep < most_sweeps; ++sweep) {
    std::optional<ir::Graph> next = Sweep(current, rules, options).run();
    if (!next) return current;
    current = std::move(*next);
  }
  SLUICE_UNREACHABLE("rewriting graph @{} does not come to an end", graph.name());
}

ir::Graph canonicalize(const ir::Graph& graph) { return rewrite(graph, all_rules()); }

}  // namespace sluice::passes
