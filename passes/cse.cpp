#include "passes/cse.h"

#include <algorithm>
#include <map>
#include <span>

#include "ir/hash.h"
#include "passes/rebuild.h"

namespace sluice::passes {

namespace {

/// Distinguishes nodes, up to hash collisions: types and attributes are only compared if keys are equal.
struct Key {
  ir::Op op;
  std::vector<ir::Value> operands;
  std::size_t attributes;
  auto operator<=>(const Key&) const = default;
};

class Numbering {
 public:
  explicit Numbering(const ir::Graph& graph) : graph_(graph), variables_(graph.nodes().size()) {
    for (const ir::Node& node : graph.nodes()) {
      if (node.op != ir::Op::kGradient) continue;
      for (const ir::Value variable : std::span(node.operands).subspan(1)) variables_[variable.node] = true;
    }
    for (std::uint32_t i = 0; i < graph.nodes().size(); ++i) {
      firsts_.push_back(find(i));
      origins_.push_back(graph.node(i).origins);
      if (firsts_[i] != i) ir::merge_origins(origins_[firsts_[i]], origins_[i]);
    }
  }

  /// Returns the first node equal to `node`.
  std::uint32_t first(std::uint32_t node) const { return firsts_[node]; }
  const ir::Origins& origins(std::uint32_t node) const { return origins_[node]; }

 private:
  std::uint32_t find(std::uint32_t index) {
    const ir::Node& node = graph_.node(index);
    if (ir::info(node.op).has(ir::kInput) || variables_[index]) return index;
    Key key{node.op, {}, ir::hash_of(node.attributes)};
    for (const ir::Value operand : node.operands) key.operands.push_back({firsts_[operand.node], operand.result});
    if (ir::info(node.op).has(ir::kCommutative)) std::ranges::sort(key.operands);
    std::vector<std::uint32_t>& candidates = seen_[std::move(key)];
    for (const std::uint32_t candidate : candidates) {
      const ir::Node& other = graph_.node(candidate);
      if (other.types == node.types && other.attributes == node.attributes) return candidate;
    }
    candidates.push_back(index);
    return index;
  }

  const ir::Graph& graph_;
  std::vector<bool> variables_;  // targets of gradients: paths through an equal node do not count
  std::map<Key, std::vector<std::uint32_t>> seen_;
  std::vector<std::uint32_t> firsts_;
  std::vector<ir::Origins> origins_;
};

}  // namespace

ir::Graph cse(const ir::Graph& graph) {
  const ir::Graph live = remove_dead(graph);  // a dead node must not contribute its origins
  const Numbering numbering(live);
  Rebuild rebuild(live);
  for (std::uint32_t i = 0; i < live.nodes().size(); ++i) {
    const std::uint32_t first = numbering.first(i);
    if (first == i) {
      rebuild.copy(i, numbering.origins(i));
      continue;
    }
    for (std::uint32_t result = 0; result < live.node(i).types.size(); ++result) {
      rebuild.map({i, result}, rebuild.at({first, result}));
    }
  }
  return std::move(rebuild).finish();
}

}  // namespace sluice::passes
