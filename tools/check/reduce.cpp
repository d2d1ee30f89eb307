#include "tools/check/reduce.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "ir/error.h"
#include "passes/rebuild.h"

namespace sluice::tools {

namespace {

using ir::Value;
using passes::Rebuild;

/// One thing to do to a graph.
struct Edit {
  std::optional<std::size_t> without_result = {};
  std::optional<std::size_t> without_update = {};
  std::optional<std::uint32_t> node = {};      ///< to be replaced
  std::optional<std::size_t> by_operand = {};  ///< by which of its operands; by parameters if none
};

class Reducer {
 public:
  Reducer(const ir::Graph& graph, const std::function<bool(const ir::Graph&)>& fails) : graph_(graph), fails_(fails) {}

  ir::Graph run() && {
    for (bool changed = true; changed;) {
      changed = false;
      for (std::size_t i = graph_.results().size(); i-- > 0;) changed |= attempt({.without_result = i});
      for (std::size_t i = graph_.states().size(); i-- > 0;) {
        if (graph_.states()[i].update) changed |= attempt({.without_update = i});
      }
      // From the end, so that what only a replaced node needs is gone before it would be tried.
      for (std::size_t i = graph_.nodes().size(); i-- > 0;) {
        i = std::min(i, graph_.nodes().size() - 1);
        changed |= shrink_node(static_cast<std::uint32_t>(i));
      }
      changed |= drop_unused_inputs();
    }
    return std::move(graph_);
  }

 private:
  bool shrink_node(std::uint32_t index) {
    if (ir::info(graph_.node(index).op).has(ir::kInput)) return false;
    for (std::size_t o = 0; o < graph_.node(index).operands.size(); ++o) {
      const ir::Node& node = graph_.node(index);
      if (node.types.size() != 1 || graph_.type(node.operands[o]) != node.types[0]) continue;
      if (attempt({.node = index, .by_operand = o})) return true;
    }
    return !graph_.node(index).operands.empty() && attempt({.node = index});
  }

  bool attempt(const Edit& edit) { return adopt(edited(edit)); }

  bool adopt(std::optional<ir::Graph> candidate) {
    if (!candidate) return false;
    try {
      ir::verify(*candidate);
      if (!fails_(*candidate)) return false;
    } catch (const Error&) {
      return false;
    }
    graph_ = std::move(*candidate);
    return true;
  }

  std::optional<ir::Graph> edited(const Edit& edit) {
    Rebuild rebuild(graph_);
    for (std::uint32_t i = 0; i < graph_.nodes().size(); ++i) {
      if (edit.node != i) {
        rebuild.copy(i);
        continue;
      }
      const ir::Node& node = graph_.node(i);
      for (std::uint32_t r = 0; r < node.types.size(); ++r) {
        rebuild.map({i, r}, edit.by_operand ? rebuild.at(node.operands[*edit.by_operand])
                                            : rebuild.builder().parameter(new_name(), node.types[r], {}, node.origins));
      }
    }
    std::vector<Value> results;
    for (std::size_t i = 0; i < graph_.results().size(); ++i) {
      if (edit.without_result != i) results.push_back(rebuild.at(graph_.results()[i]));
    }
    bool updates = false;
    for (std::size_t i = 0; i < graph_.states().size(); ++i) {
      const ir::State& state = graph_.states()[i];
      if (!state.update || edit.without_update == i) continue;
      rebuild.builder().set_update(rebuild.at(state.value), rebuild.at(*state.update));
      updates = true;
    }
    if (results.empty() && !updates) return std::nullopt;
    rebuild.builder().set_results(std::move(results));
    return passes::remove_dead(std::move(rebuild.builder()).finish());
  }

  /// Drops as many of the inputs that nothing reads as still leave it failing: it may be about B, which one of them
  /// brings, or about values, which are made up by the input's place.
  bool drop_unused_inputs() {
    std::vector<bool> used(graph_.nodes().size());
    for (const ir::Node& node : graph_.nodes()) {
      for (const Value operand : node.operands) used[operand.node] = true;
    }
    for (const Value result : graph_.results()) used[result.node] = true;
    for (const ir::State& state : graph_.states()) {
      if (!state.update) continue;
      used[state.update->node] = true;
      used[state.value.node] = true;
    }
    std::vector<std::string> names;
    for (const ir::Parameter& p : graph_.parameters()) {
      if (!used[p.value.node]) names.push_back(p.name);
    }
    for (const ir::State& s : graph_.states()) {
      if (!used[s.value.node]) names.push_back(s.name);
    }
    return drop_inputs(names);
  }

  /// All of them, else as many as it can of each half.
  bool drop_inputs(std::span<const std::string> names) {
    if (names.empty()) return false;
    if (adopt(without_inputs(names))) return true;
    if (names.size() == 1) return false;
    const bool first = drop_inputs(names.first(names.size() / 2));
    const bool second = drop_inputs(names.subspan(names.size() / 2));
    return first || second;
  }

  ir::Graph without_inputs(std::span<const std::string> names) const {
    ir::Builder b(graph_.name());
    std::vector<std::vector<Value>> now(graph_.nodes().size());
    const auto keep = [&](const auto& input) {
      if (std::ranges::find(names, input.name) == names.end())
        now[input.value.node] = {passes::copy_input(b, graph_, input)};
    };
    for (const ir::Parameter& parameter : graph_.parameters()) keep(parameter);
    for (const ir::State& state : graph_.states()) keep(state);
    for (std::uint32_t i = 0; i < graph_.nodes().size(); ++i) {
      const ir::Node& node = graph_.node(i);
      if (ir::info(node.op).has(ir::kInput)) continue;
      std::vector<Value> operands;
      for (const Value v : node.operands) operands.push_back(now[v.node][v.result]);
      const Value first = b.add(node.op, std::move(operands), node.attributes, node.origins);
      for (std::uint32_t r = 0; r < node.types.size(); ++r) now[i].push_back({first.node, r});
    }
    for (const ir::State& s : graph_.states()) {
      if (s.update) b.set_update(now[s.value.node][0], now[s.update->node][s.update->result]);
    }
    std::vector<Value> results;
    for (const Value v : graph_.results()) results.push_back(now[v.node][v.result]);
    b.set_results(std::move(results));
    return std::move(b).finish();
  }

  std::string new_name() { return fmt::format("cut_{}", names_++); }

  ir::Graph graph_;
  const std::function<bool(const ir::Graph&)>& fails_;
  int names_ = 0;
};

}  // namespace

ir::Graph reduce(const ir::Graph& graph, const std::function<bool(const ir::Graph&)>& fails) {
  return Reducer(graph, fails).run();
}

ir::Graph reduce(const ir::Graph& graph, const passes::Difference& difference, FullCheckOptions options) {
  options.passes.batch_sizes = {difference.sample.batch_size};
  options.passes.seed = difference.sample.seed;
  options.passes.states_at = difference.sample.states_at;
  const auto fails = [&](const ir::Graph& candidate) {
    const passes::CheckReport report = check_graph(candidate, options);
    return report.difference && report.difference->stage == difference.stage;
  };
  const bool jit = std::exchange(options.jit, false);
  if (!fails(graph)) options.jit = jit;  // only then is it code that fails, and has to be compiled
  return reduce(graph, fails);
}

}  // namespace sluice::tools
