#pragma once

#include "sluice/ir/graph.h"

namespace sluice::passes {

/// The pass `cse` (common subexpressions): of nodes with equal op, operands and attributes it keeps the first, with the
/// origins of all. Operands of commutative ops may stand in either order; constants are compared by their bits. Random
/// ops are functions of key and counter, so they merge like others. Inputs never do.
ir::Graph cse(const ir::Graph& graph);

}  // namespace sluice::passes
