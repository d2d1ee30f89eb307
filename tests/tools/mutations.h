#pragma once

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <string_view>

#include "ir/error.h"
#include "ir/text.h"
#include "passes/rebuild.h"
#include "tools/check/engine_check.h"

namespace sluice::test {

/// A layer of which many a bug can be made.
inline constexpr const char* kLayer = R"(sluice-ir 1
graph @layer(%x: f32[B,4], %w: f32[4,4]) {
  %0: f32[B,4] = matmul %x, %w
  %1: f32[B,4] = relu %0
  return %1
}
)";

/// What to put in the place of a node of a correct graph: nothing to leave it alone.
using Change = std::optional<ir::Value> (*)(passes::Rebuild& now, const ir::Graph& graph, std::uint32_t index);

/// The graph with one thing in it changed, wherever `change` finds it.
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

/// Checks that `text` passes as it is, that it fails with the bug that `options` bring in, in `stage`, and that the
/// message has `named` in it: the op, kernel or line that the bug is in.
inline void check_finds(const std::string& text, const tools::FullCheckOptions& options, std::string_view stage,
                        std::string_view named) {
  const ir::Graph graph = ir::parse(text, "model.ir");
  tools::FullCheckOptions sound = options;
  sound.passes.pipeline.clear();
  sound.engine.on_plan = {};
  const passes::CheckReport before = tools::check_graph(graph, sound);
  REQUIRE_MESSAGE(!before.difference, passes::to_string(*before.difference));
  const passes::CheckReport report = tools::check_graph(graph, options);
  REQUIRE(report.difference);
  const std::string message = passes::to_string(*report.difference);
  INFO(message);
  CHECK(report.difference->stage == stage);
  CHECK(message.find(named) != std::string::npos);
  // What it must be and what it is; of gradients by the two ways, of threads that bits differ, of plans what is wrong.
  const bool compares = stage != "plan" && stage != "differentiate" && stage != "threads";
  if (compares) CHECK(message.find(", expected ") != std::string::npos);
}

}  // namespace sluice::test
