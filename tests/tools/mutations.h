#pragma once

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <string_view>
#include <utility>

#include "backend/compile.h"
#include "sluice/error.h"
#include "sluice/ir/text.h"
#include "tests/tools/mutate.h"
#include "tools/check/engine_check.h"

namespace sluice::test {

/// A layer in which many bugs can be planted.
inline constexpr const char* kLayer = R"(sluice-ir 1
graph @layer(%x: f32[B,4], %w: f32[4,4]) {
  %0: f32[B,4] = matmul %x, %w
  %1: f32[B,4] = relu %0
  return %1
}
)";

/// A planner that makes Sluice's plan and puts a bug into it.
inline std::function<backend::Plan(const ir::Graph&)> plans_with(std::function<void(backend::Plan&)> plant) {
  return [plant = std::move(plant)](const ir::Graph& traced) {
    backend::Plan plan = backend::plan_graph(traced);
    plant(plan);
    return plan;
  };
}

/// Checks that `text` passes as it is, that it fails in `stage` with the bug that `options` introduce, and that the
/// message mentions `named`: the op, kernel or line that has the bug.
inline void check_finds(const std::string& text, const tools::FullCheckOptions& options, std::string_view stage,
                        std::string_view named) {
  const ir::Graph graph = ir::parse(text, "model.ir");
  tools::FullCheckOptions sound = options;
  sound.passes.pipeline.clear();
  sound.engine.plan = {};
  sound.engine.compile = {};
  const passes::CheckReport before = tools::check_graph(graph, sound);
  REQUIRE_MESSAGE(!before.difference, passes::to_string(*before.difference));
  const passes::CheckReport report = tools::check_graph(graph, options);
  REQUIRE(report.difference);
  const std::string message = passes::to_string(*report.difference);
  INFO(message);
  CHECK(report.difference->stage == stage);
  CHECK(message.find(named) != std::string::npos);
  // The expected and the actual value; for gradients the two methods, for threads that bits differ, for plans the
  // fault.
  const bool compares = stage != "plan" && stage != "differentiate" && stage != "threads";
  if (compares) CHECK(message.find(", expected ") != std::string::npos);
}

}  // namespace sluice::test
