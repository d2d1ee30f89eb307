#pragma once

#include <functional>

#include "sluice/ir/graph.h"
#include "tools/check/engine_check.h"

namespace sluice::tools {

/// A small graph for which `fails` still holds, as it must for `graph`: results and updates are left out, nodes become
/// parameters or give way to one of their operands, and inputs that nothing reads are dropped, as long as any of that
/// keeps it failing. An Error that `fails` throws counts as not failing.
ir::Graph reduce(const ir::Graph& graph, const std::function<bool(const ir::Graph&)>& fails);

/// A small graph in which check_graph finds a difference in the same stage as `difference`, which it found in `graph`.
ir::Graph reduce(const ir::Graph& graph, const passes::Difference& difference, FullCheckOptions options);

}  // namespace sluice::tools
