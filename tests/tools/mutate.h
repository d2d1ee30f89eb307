#pragma once

#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "passes/pass.h"
#include "passes/rebuild.h"

namespace sluice::test {

/// Returns the replacement for a node of a correct graph, or nothing to leave it alone.
using Change = std::optional<ir::Value> (*)(passes::Rebuild& now, const ir::Graph& graph, std::uint32_t index);

/// Returns the graph with `change` applied to each of its nodes.
inline ir::Graph changed(const ir::Graph& graph, Change change) {
  passes::Rebuild now(graph);
  for (std::uint32_t i = 0; i < graph.nodes().size(); ++i) {
    now.builder().set_origins(graph.node(i).origins);
    const std::optional<ir::Value> instead =
        ir::info(graph.node(i).op).has(ir::kInput) ? std::nullopt : change(now, graph, i);
    if (instead) {
      now.map({i, 0}, *instead);
    } else {
      now.copy(i);
    }
  }
  return std::move(now).finish();
}

/// The default pipeline with `run` in the place of the pass `name`.
inline std::vector<passes::Pass> with_mutated(std::string_view name, ir::Graph (*run)(const ir::Graph&)) {
  std::vector<passes::Pass> pipeline;
  for (const std::string_view pass : passes::default_pipeline()) {
    pipeline.push_back(passes::find_pass(pass));
    if (pass == name) pipeline.back().run = run;
  }
  return pipeline;
}

}  // namespace sluice::test
