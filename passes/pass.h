#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/ir/graph.h"

namespace sluice::passes {

/// A pass: one file, one row in the table of pass.cpp.
struct Pass {
  std::string_view name;
  std::string_view summary;  ///< one sentence for --list-passes
  ir::Graph (*run)(const ir::Graph&);
  bool accepts_gradient = false;  ///< whether it accepts a graph that still has `gradient` nodes
};

/// All passes, by name.
std::span<const Pass> all_passes();
/// Throws Error, suggesting the nearest name, if there is none.
const Pass& find_pass(std::string_view name);
/// The same for each of `names`.
std::vector<Pass> find_passes(std::span<const std::string_view> names);
/// Returns the names of the default pipeline, in order; the table in pipeline.cpp says why each is where it is.
std::span<const std::string_view> default_pipeline();

struct PassOptions {
  /// Called with each graph: first "traced" with the one given, then each pass's name with its result.
  std::function<void(std::string_view stage, const ir::Graph&)> on_stage;
  /// Called with each pass's time in seconds.
  std::function<void(std::string_view pass, double seconds)> on_time;
};

/// Runs passes one after the other and verifies every result. Throws Error for a gradient that a pass does not accept.
ir::Graph run_passes(ir::Graph graph, std::span<const Pass> passes, const PassOptions& options = {});
/// The same by names. Also throws Error for an unknown name, before any pass runs.
ir::Graph run_passes(ir::Graph graph, std::span<const std::string_view> names, const PassOptions& options = {});

}  // namespace sluice::passes
