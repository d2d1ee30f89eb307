#pragma once

#include <functional>

#include "sluice/ir/graph.h"
#include "tools/check/engine_check.h"

namespace sluice::tools {

/// Returns a small graph for which `fails` still holds, as it must for `graph`: leaves out results and updates,
/// replaces nodes by parameters or by one of their operands, and drops unused inputs, as long as it keeps failing. An
/// Error thrown by `fails` counts as not failing.
ir::Graph reduce(const ir::Graph& graph, const std::function<bool(const ir::Graph&)>& fails);

/// Returns a small graph in which check_graph finds a difference in the same stage as `difference`, which it found in
/// `graph`.
ir::Graph reduce(const ir::Graph& graph, const passes::Difference& difference, FullCheckOptions options);

}  // namespace sluice::tools
