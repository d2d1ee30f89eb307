#include "passes/inline_bodies.h"

#include <map>
#include <vector>

#include "passes/rebuild.h"

namespace sluice::passes {

using ir::Op;
using ir::Value;

namespace {

/// Appends what the nodes of `body` compute for these operands. Bodies nest 16 deep at most.
std::vector<Value> append_body(ir::Builder& builder, const ir::Graph& body, const std::vector<Value>& operands,
                               const ir::Origins& origins) {
  std::map<Value, Value> made;
  for (std::size_t i = 0; i < operands.size(); ++i) made[body.parameters()[i].value] = operands[i];
  for (std::uint32_t i = 0; i < body.nodes().size(); ++i) {
    const ir::Node& node = body.node(i);
    if (node.op == Op::kParameter) continue;
    std::vector<Value> read;
    for (const Value operand : node.operands) read.push_back(made.at(operand));
    const ir::Origins& from = node.origins.empty() ? origins : node.origins;
    if (node.op == Op::kFused && !node.attributes.kernel_kind()) {
      const std::vector<Value> results = append_body(builder, node.attributes.body(), read, from);
      for (std::uint32_t r = 0; r < results.size(); ++r) made[{i, r}] = results[r];
      continue;
    }
    const Value first = builder.add(node.op, read, node.attributes, from);
    for (std::uint32_t r = 0; r < node.types.size(); ++r) made[{i, r}] = {first.node, r};
  }
  std::vector<Value> results;
  for (const Value result : body.results()) results.push_back(made.at(result));
  return results;
}

}  // namespace

ir::Graph inline_other_bodies(const ir::Graph& graph) {
  const std::vector<bool> live = live_nodes(graph);
  Rebuild rebuild(graph);
  for (std::uint32_t i = 0; i < graph.nodes().size(); ++i) {
    if (!live[i]) continue;
    const ir::Node& node = graph.node(i);
    if (node.op != Op::kFused || node.attributes.kernel_kind()) {
      rebuild.copy(i);
      continue;
    }
    const auto results = append_body(rebuild.builder(), node.attributes.body(), rebuild.operands(i), node.origins);
    for (std::uint32_t r = 0; r < results.size(); ++r) rebuild.map({i, r}, results[r]);
  }
  return std::move(rebuild).finish();
}

}  // namespace sluice::passes
