#include "tools/check/graph_edits.h"

#include <fmt/format.h>

#include <algorithm>
#include <functional>
#include <set>

#include "passes/rebuild.h"

namespace sluice::tools {

namespace {

using ir::Value;

bool is_input(const ir::Node& node) { return ir::info(node.op).has(ir::kInput); }

std::vector<Value> values_of(const ir::Graph& graph, const Outputs& outputs) {
  std::vector<Value> values;
  for (const std::size_t i : outputs.results) values.push_back(graph.results()[i]);
  for (const std::size_t i : outputs.updates) values.push_back(*graph.states()[i].update);
  return values;
}

/// A name that no input of `graph` has.
class NewNames {
 public:
  explicit NewNames(const ir::Graph& graph) {
    for (const ir::Parameter& p : graph.parameters()) taken_.insert(p.name);
    for (const ir::State& s : graph.states()) taken_.insert(s.name);
  }
  std::string operator()() {
    while (true) {
      std::string name = fmt::format("cut_{}", next_++);
      if (taken_.insert(name).second) return name;
    }
  }

 private:
  std::set<std::string> taken_;
  int next_ = 0;
};

/// Copies a graph with the inputs that `add_input` adds (an input is dropped if it returns nothing) and the attributes
/// that `change` returns.
ir::Graph copied(const ir::Graph& graph,
                 const std::function<std::optional<Value>(ir::Builder&, const ir::Parameter&)>& add_parameter,
                 const std::function<std::optional<Value>(ir::Builder&, const ir::State&)>& add_state,
                 const std::function<ir::Attributes(const ir::Attributes&)>& change) {
  ir::Builder b(graph.name());
  std::vector<std::vector<Value>> now(graph.nodes().size());
  for (const ir::Parameter& p : graph.parameters()) {
    if (const auto value = add_parameter(b, p)) now[p.value.node] = {*value};
  }
  for (const ir::State& s : graph.states()) {
    if (const auto value = add_state(b, s)) now[s.value.node] = {*value};
  }
  for (std::uint32_t i = 0; i < graph.nodes().size(); ++i) {
    const ir::Node& node = graph.node(i);
    if (is_input(node)) continue;
    std::vector<Value> operands;
    for (const Value v : node.operands) operands.push_back(now[v.node][v.result]);
    const Value first = b.add(node.op, std::move(operands), change(node.attributes), node.origins);
    for (std::uint32_t r = 0; r < node.types.size(); ++r) now[i].push_back({first.node, r});
  }
  for (const ir::State& s : graph.states()) {
    if (s.update) b.set_update(now[s.value.node][0], now[s.update->node][s.update->result]);
  }
  std::vector<Value> results;
  for (const Value v : graph.results()) results.push_back(now[v.node][v.result]);
  b.set_results(std::move(results));
  return std::move(b).finish();
}

}  // namespace

Outputs outputs_of(const ir::Graph& graph) {
  Outputs outputs;
  for (std::size_t i = 0; i < graph.results().size(); ++i) outputs.results.push_back(i);
  for (std::size_t i = 0; i < graph.states().size(); ++i) {
    if (graph.states()[i].update) outputs.updates.push_back(i);
  }
  return outputs;
}

Outputs part_of(const Outputs& outputs, std::size_t first, std::size_t count) {
  Outputs part;
  for (std::size_t i = first; i < std::min(first + count, outputs.size()); ++i) {
    if (i < outputs.results.size()) {
      part.results.push_back(outputs.results[i]);
    } else {
      part.updates.push_back(outputs.updates[i - outputs.results.size()]);
    }
  }
  return part;
}

std::vector<int> distances(const ir::Graph& graph) {
  std::vector<int> distance(graph.nodes().size(), -1);
  for (const Value v : values_of(graph, outputs_of(graph))) distance[v.node] = 0;
  for (std::size_t i = graph.nodes().size(); i-- > 0;) {  // operands precede their readers
    if (distance[i] < 0) continue;
    for (const Value operand : graph.nodes()[i].operands) {
      int& of_operand = distance[operand.node];
      if (of_operand < 0 || of_operand > distance[i] + 1) of_operand = distance[i] + 1;
    }
  }
  return distance;
}

std::optional<ir::Graph> cut(const ir::Graph& graph, const Outputs& outputs, const std::vector<bool>& cut_nodes) {
  if (outputs.size() == 0) return std::nullopt;
  std::vector<bool> needed(graph.nodes().size());
  std::set<std::pair<std::uint32_t, std::uint32_t>> read;
  const auto need = [&](Value v) {
    needed[v.node] = true;
    read.emplace(v.node, v.result);
  };
  for (const Value v : values_of(graph, outputs)) need(v);
  for (std::size_t i = graph.nodes().size(); i-- > 0;) {
    if (!needed[i] || cut_nodes[i]) continue;
    for (const Value operand : graph.nodes()[i].operands) need(operand);
  }
  passes::Rebuild rebuild(graph);
  NewNames names(graph);
  for (std::uint32_t i = 0; i < graph.nodes().size(); ++i) {
    const ir::Node& node = graph.node(i);
    if (!needed[i] || is_input(node)) continue;
    if (!cut_nodes[i]) {
      rebuild.copy(i);
      continue;
    }
    for (std::uint32_t r = 0; r < node.types.size(); ++r) {
      if (read.contains({i, r}))
        rebuild.map({i, r}, rebuild.builder().parameter(names(), node.types[r], {}, node.origins));
    }
  }
  std::vector<Value> results;
  for (const std::size_t i : outputs.results) results.push_back(rebuild.at(graph.results()[i]));
  for (const std::size_t i : outputs.updates) {
    const ir::State& state = graph.states()[i];
    rebuild.builder().set_update(rebuild.at(state.value), rebuild.at(*state.update));
  }
  rebuild.builder().set_results(std::move(results));
  return std::move(rebuild.builder()).finish();
}

std::optional<ir::Graph> with_operand_instead(const ir::Graph& graph, std::uint32_t node, std::size_t operand) {
  const ir::Node& replaced = graph.node(node);
  if (replaced.types.size() != 1 || graph.type(replaced.operands[operand]) != replaced.types[0]) return std::nullopt;
  passes::Rebuild rebuild(graph);
  for (std::uint32_t i = 0; i < graph.nodes().size(); ++i) {
    if (i == node) {
      rebuild.map({i, 0}, rebuild.at(replaced.operands[operand]));
    } else {
      rebuild.copy(i);
    }
  }
  return std::move(rebuild).finish();
}

std::vector<std::string> unused_inputs(const ir::Graph& graph) {
  std::vector<bool> used(graph.nodes().size());
  for (const ir::Node& node : graph.nodes()) {
    for (const Value operand : node.operands) used[operand.node] = true;
  }
  for (const Value result : graph.results()) used[result.node] = true;
  for (const ir::State& state : graph.states()) {
    if (!state.update) continue;
    used[state.update->node] = true;
    used[state.value.node] = true;
  }
  std::vector<std::string> names;
  for (const ir::Parameter& p : graph.parameters()) {
    if (!used[p.value.node]) names.push_back(p.name);
  }
  for (const ir::State& s : graph.states()) {
    if (!used[s.value.node]) names.push_back(s.name);
  }
  return names;
}

ir::Graph without_inputs(const ir::Graph& graph, std::span<const std::string> names) {
  const auto keep = [&](ir::Builder& b, const auto& input) -> std::optional<Value> {
    if (std::ranges::find(names, input.name) != names.end()) return std::nullopt;
    return passes::copy_input(b, graph, input);
  };
  return copied(graph, keep, keep, [](const ir::Attributes& same) { return same; });
}

std::vector<std::int64_t> sizes_of_inputs(const ir::Graph& graph) {
  std::set<std::int64_t, std::greater<>> sizes;
  for (const ir::Node& node : graph.nodes()) {
    if (!is_input(node)) continue;
    for (const Dim& dim : node.types[0].shape) {
      if (!dim.batch && dim.size > 1) sizes.insert(dim.size);
    }
  }
  return {sizes.begin(), sizes.end()};
}

std::optional<ir::Graph> resized(const ir::Graph& graph, std::int64_t from, std::int64_t to) {
  const auto now = [&](Shape shape) {
    for (int axis = 0; axis < shape.rank(); ++axis) {
      if (shape[axis] == Dim(from)) shape[axis] = to;
    }
    return shape;
  };
  for (const ir::Node& node : graph.nodes()) {
    if (node.attributes.find(ir::Attr::kBody) != nullptr) return std::nullopt;
    if (node.op == ir::Op::kConstant && now(node.types[0].shape) != node.types[0].shape) return std::nullopt;
  }
  const auto type_of = [&](Value v) { return Type{graph.type(v).dtype, now(graph.type(v).shape)}; };
  return copied(
      graph,
      [&](ir::Builder& b, const ir::Parameter& p) {
        return std::optional(b.parameter(p.name, type_of(p.value), p.range, graph.node(p.value).origins));
      },
      [&](ir::Builder& b, const ir::State& s) {
        return std::optional(
            b.state(s.name, s.variable, type_of(s.value), s.range, s.init, graph.node(s.value).origins));
      },
      [&](const ir::Attributes& attributes) {
        ir::Attributes changed = attributes;
        for (const ir::Attribute& attribute : attributes) {
          if (const auto* const shape = std::get_if<Shape>(&attribute.value)) changed.set(attribute.key, now(*shape));
        }
        if (const auto* const depth = attributes.find(ir::Attr::kDepth);
            depth != nullptr && *depth == ir::AttrValue(from))
          changed.set(ir::Attr::kDepth, to);
        return changed;
      });
}

}  // namespace sluice::tools
