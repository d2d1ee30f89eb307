#include "passes/rebuild.h"

#include <limits>

#include "sluice/error.h"

namespace sluice::passes {

namespace {
constexpr ir::Value kNoValue{std::numeric_limits<std::uint32_t>::max(), 0};
}

Rebuild::Rebuild(const ir::Graph& from) : from_(from), builder_(from.name()), values_(from.nodes().size()) {
  for (std::size_t i = 0; i < values_.size(); ++i) values_[i].resize(from.nodes()[i].types.size(), kNoValue);
  for (const ir::Parameter& parameter : from.parameters()) map(parameter.value, copy_input(builder_, from, parameter));
  for (const ir::State& state : from.states()) map(state.value, copy_input(builder_, from, state));
}

ir::Value Rebuild::at(ir::Value old) const {
  const ir::Value now = values_[old.node][old.result];
  SLUICE_CHECK(now != kNoValue, "%{} of graph @{} has no counterpart yet", old.node, from_.name());
  return now;
}

std::vector<ir::Value> Rebuild::operands(std::uint32_t node) const {
  std::vector<ir::Value> result;
  result.reserve(from_.node(node).operands.size());
  for (const ir::Value operand : from_.node(node).operands) result.push_back(at(operand));
  return result;
}

void Rebuild::copy(std::uint32_t node) { copy(node, from_.node(node).origins); }

void Rebuild::copy(std::uint32_t index, ir::Origins origins) {
  const ir::Node& node = from_.node(index);
  if (ir::info(node.op).has(ir::kInput)) return;
  const ir::Value now = builder_.add(node.op, operands(index), node.attributes, std::move(origins));
  for (std::uint32_t i = 0; i < node.types.size(); ++i) map({index, i}, {now.node, i});
}

ir::Graph Rebuild::finish(std::vector<std::uint32_t>* moved) && {
  const ir::Graph all = std::move(*this).finish_with_dead_nodes();
  if (moved != nullptr) {
    moved->clear();
    std::uint32_t next = 0;  // the order is kept: inputs already come first
    for (const bool live : live_nodes(all)) moved->push_back(live ? next++ : next);
  }
  return remove_dead(all);
}

ir::Graph Rebuild::finish_with_dead_nodes() && {
  for (const ir::State& state : from_.states()) {
    if (state.update) builder_.set_update(at(state.value), at(*state.update));
  }
  std::vector<ir::Value> results;
  for (const ir::Value result : from_.results()) results.push_back(at(result));
  builder_.set_results(std::move(results));
  return std::move(builder_).finish();
}

ir::Value copy_input(ir::Builder& builder, const ir::Graph& from, const ir::Parameter& parameter) {
  return builder.parameter(parameter.name, from.type(parameter.value), parameter.range,
                           from.node(parameter.value).origins);
}

ir::Value copy_input(ir::Builder& builder, const ir::Graph& from, const ir::State& state) {
  return builder.state(state.name, state.variable, from.type(state.value), state.range, state.init,
                       from.node(state.value).origins);
}

std::vector<bool> live_nodes(const ir::Graph& graph) {
  std::vector<bool> live(graph.nodes().size());
  for (const ir::Value result : graph.results()) live[result.node] = true;
  for (const ir::State& state : graph.states()) {
    if (state.update) live[state.update->node] = true;
  }
  for (std::size_t i = live.size(); i-- > 0;) {
    const ir::Node& node = graph.nodes()[i];
    live[i] = live[i] || ir::info(node.op).has(ir::kInput);
    if (!live[i]) continue;
    for (const ir::Value operand : node.operands) live[operand.node] = true;
  }
  return live;
}

ir::Graph remove_dead(const ir::Graph& graph) {
  const std::vector<bool> live = live_nodes(graph);
  Rebuild rebuild(graph);
  for (std::uint32_t i = 0; i < live.size(); ++i) {
    if (live[i]) rebuild.copy(i);
  }
  return std::move(rebuild).finish_with_dead_nodes();
}

}  // namespace sluice::passes
