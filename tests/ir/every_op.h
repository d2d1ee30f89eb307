#pragma once

#include "sluice/ir/graph.h"

namespace sluice::test {

/// Returns a graph with every op of ops.def, every dtype, constants with odd floats, a fused body with several results,
/// states, updates and a gradient.
ir::Graph every_op();

}  // namespace sluice::test
