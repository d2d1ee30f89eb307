#pragma once

#include <functional>

#include "ir/graph.h"

namespace sluice::tools {

/// A small graph for which `fails` still holds, as it must for `graph`: results and updates are left out, nodes become
/// parameters or give way to one of their operands, and inputs that nothing reads are dropped, as long as any of that
/// keeps it failing. An Error that `fails` throws counts as not failing.
ir::Graph reduce(const ir::Graph& graph, const std::function<bool(const ir::Graph&)>& fails);

}  // namespace sluice::tools
