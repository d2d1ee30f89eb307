#pragma once

#include "sluice/ir/graph.h"

namespace sluice::passes {

/// The pass `cse` (common subexpressions): keeps the first of several nodes with equal op, operands and attributes,
/// with the origins of all. Operands of commutative ops may be in either order; constants are compared by their bits.
/// Random ops are functions of key and counter, so they merge like others. Inputs never merge.
ir::Graph cse(const ir::Graph& graph);

}  // namespace sluice::passes
