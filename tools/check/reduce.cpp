#include "tools/check/reduce.h"

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "sluice/error.h"
#include "tools/check/graph_edits.h"

namespace sluice::tools {

namespace {

/// Tries edits in the order of how much they remove: many outputs at once, everything far from the outputs, many nodes
/// at once, and finally single nodes, inputs and sizes. Every attempt compiles and runs what remains, so a graph of
/// hundreds of nodes must become small after a few.
class Reducer {
 public:
  Reducer(const ir::Graph& graph, const std::function<bool(const ir::Graph&)>& fails) : graph_(graph), fails_(fails) {}

  ir::Graph run() && {
    keep_few_outputs();
    keep_near_outputs();
    cut_chunks();
    for (bool changed = true; changed;) {
      changed = keep_few_outputs();
      changed |= shrink_nodes();
      changed |= drop_inputs(unused_inputs(graph_));
      changed |= shrink_sizes();
    }
    return std::move(graph_);
  }

 private:
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

  bool adopt_cut(const Outputs& outputs, const std::vector<bool>& cut_nodes) {
    return adopt(cut(graph_, outputs, cut_nodes));
  }

  std::vector<bool> no_node() const { return std::vector<bool>(graph_.nodes().size()); }

  /// Delta debugging: tries one of n parts alone, or all but one of them, with ever smaller parts.
  bool keep_few_outputs() {
    bool changed = false;
    for (std::size_t parts = 2; outputs_of(graph_).size() > 1;) {
      const Outputs all = outputs_of(graph_);
      parts = std::min(parts, all.size());
      if (keep_one_part(all, parts)) {
        changed = true;
        parts = 2;
      } else if (parts > 2 && drop_one_part(all, parts)) {
        changed = true;
        --parts;
      } else if (parts == all.size()) {
        break;
      } else {
        parts *= 2;
      }
    }
    return changed;
  }

  bool keep_one_part(const Outputs& all, std::size_t parts) {
    const std::size_t size = (all.size() + parts - 1) / parts;
    for (std::size_t first = 0; first < all.size(); first += size) {
      if (adopt_cut(part_of(all, first, size), no_node())) return true;
    }
    return false;
  }

  bool drop_one_part(const Outputs& all, std::size_t parts) {
    const std::size_t size = (all.size() + parts - 1) / parts;
    for (std::size_t first = 0; first < all.size(); first += size) {
      Outputs rest = part_of(all, 0, first);
      const Outputs behind = part_of(all, first + size, all.size());
      rest.results.insert(rest.results.end(), behind.results.begin(), behind.results.end());
      rest.updates.insert(rest.updates.end(), behind.updates.begin(), behind.updates.end());
      if (adopt_cut(rest, no_node())) return true;
    }
    return false;
  }

  /// Cuts off all nodes that are farther from the outputs than the bug requires, trying from near to far.
  bool keep_near_outputs() {
    const std::vector<int> distance = distances(graph_);
    const int farthest = *std::ranges::max_element(distance);
    for (int reach = 1; reach < farthest; reach += std::max(1, reach / 2)) {
      std::vector<bool> far = no_node();
      for (std::size_t i = 0; i < far.size(); ++i) far[i] = distance[i] >= reach && !is_input(i);
      if (adopt_cut(outputs_of(graph_), far)) return true;
    }
    return false;
  }

  /// Cuts off runs of neighbors: halves, quarters and so on. Starts at the end, because nodes needed only by removed
  /// ones go with them.
  bool cut_chunks() {
    bool changed = false;
    for (std::size_t size = graph_.nodes().size() / 2; size > 1; size /= 2) {
      for (std::size_t end = graph_.nodes().size(); end > 0; end = end > size ? end - size : 0) {
        end = std::min(end, graph_.nodes().size());
        std::vector<bool> chunk = no_node();
        bool any = false;
        for (std::size_t i = end > size ? end - size : 0; i < end; ++i) {
          chunk[i] = !is_input(i);
          any |= chunk[i];
        }
        if (any) changed |= adopt_cut(outputs_of(graph_), chunk);
      }
    }
    return changed;
  }

  bool shrink_nodes() {
    bool changed = false;
    // Starts at the end, so that nodes needed only by a replaced node are gone before they would be tried.
    for (std::size_t i = graph_.nodes().size(); i-- > 0;) {
      i = std::min(i, graph_.nodes().size() - 1);
      changed |= shrink_node(static_cast<std::uint32_t>(i));
    }
    return changed;
  }

  bool shrink_node(std::uint32_t index) {
    if (is_input(index)) return false;
    for (std::size_t o = 0; o < graph_.node(index).operands.size(); ++o) {
      if (adopt(with_operand_instead(graph_, index, o))) return true;
    }
    if (graph_.node(index).operands.empty()) return false;
    std::vector<bool> alone = no_node();
    alone[index] = true;
    return adopt_cut(outputs_of(graph_), alone);
  }

  /// Drops as many of the unused inputs as possible while the graph still fails, all of them or as many as possible of
  /// each half: the failure may depend on B, which one of them provides, or on values, which are generated by the
  /// input's position.
  bool drop_inputs(std::span<const std::string> names) {
    if (names.empty()) return false;
    if (adopt(without_inputs(graph_, names))) return true;
    if (names.size() == 1) return false;
    const bool first = drop_inputs(names.first(names.size() / 2));
    const bool second = drop_inputs(names.subspan(names.size() / 2));
    return first || second;
  }

  bool shrink_sizes() {
    bool changed = false;
    for (const std::int64_t size : sizes_of_inputs(graph_)) {
      for (std::int64_t smaller = 1; smaller < size; smaller *= 2) {
        if (!shrink_size(size, smaller)) continue;
        changed = true;
        break;
      }
    }
    return changed;
  }

  bool shrink_size(std::int64_t from, std::int64_t to) {
    try {
      return adopt(resized(graph_, from, to));
    } catch (const Error&) {  // an operand that no longer fits another
      return false;
    }
  }

  bool is_input(std::size_t node) const { return ir::info(graph_.nodes()[node].op).has(ir::kInput); }

  ir::Graph graph_;
  const std::function<bool(const ir::Graph&)>& fails_;
};

bool is_of_engine(const std::string& stage) { return stage == "plan" || stage == "jit" || stage == "threads"; }

/// Returns whether compiled code of `graph` fails in `stage`: what check_graph finds after all passes have been
/// compared.
bool engine_fails(const ir::Graph& graph, const std::string& stage, const FullCheckOptions& options) {
  const passes::CheckOptions& of_passes = options.passes;
  const ir::Graph plain = passes::find_pass("differentiate").run(graph);
  const passes::Sample sample =
      passes::make_sample(plain, of_passes.batch_sizes[0], of_passes.seed, *of_passes.states_at);
  const std::vector<passes::Expected> expected = passes::expect(plain, sample);
  if (!passes::inconclusive(expected, of_passes.limits).empty()) return false;
  const std::optional<passes::Difference> found = EngineCheck(graph, options.engine).check(plain, sample, expected);
  return found && found->stage == stage;
}

/// Returns the graph with its derivatives expanded into ordinary nodes, which can be reduced, if it still fails.
/// Returns it unchanged if it is the derivatives that fail.
ir::Graph without_gradients(const ir::Graph& graph, const std::string& stage, std::span<const passes::Pass> pipeline,
                            const std::function<bool(const ir::Graph&)>& fails) {
  const auto pass = std::ranges::find(pipeline, "differentiate", &passes::Pass::name);
  if (stage == "traced" || stage == "differentiate" || pass == pipeline.end()) return graph;
  ir::Graph expanded = pass->run(graph);
  return fails(expanded) ? expanded : graph;
}

}  // namespace

ir::Graph reduce(const ir::Graph& graph, const std::function<bool(const ir::Graph&)>& fails) {
  return Reducer(graph, fails).run();
}

ir::Graph reduce(const ir::Graph& graph, const passes::Difference& difference, FullCheckOptions options) {
  const std::string& stage = difference.stage;
  options.passes.batch_sizes = {difference.sample.bindings};
  options.passes.seed = difference.sample.seed;
  options.passes.states_at = difference.sample.states_at;
  options.jit = is_of_engine(stage);
  options.passes.locate = false;
  options.engine.locate = false;
  if (stage == "jit") options.engine.threads.resize(1);
  std::vector<passes::Pass>& pipeline = options.passes.pipeline;
  if (pipeline.empty()) pipeline = passes::find_passes(passes::default_pipeline());
  const auto last = std::ranges::find(pipeline, stage, &passes::Pass::name);
  if (last != pipeline.end()) pipeline.erase(last + 1, pipeline.end());

  const auto checked = [&](const ir::Graph& candidate) {
    const passes::CheckReport report = check_graph(candidate, options);
    return report.difference && report.difference->stage == stage;
  };
  const auto in_engine = [&](const ir::Graph& candidate) { return engine_fails(candidate, stage, options); };
  const std::function<bool(const ir::Graph&)> fails =
      options.jit ? std::function<bool(const ir::Graph&)>(in_engine) : checked;
  const ir::Graph small = reduce(without_gradients(graph, stage, pipeline, fails), fails);
  // If a pass is wrong for the small graph but not for the original one, the check must include all passes.
  return checked(small) ? small : reduce(graph, checked);
}

}  // namespace sluice::tools
