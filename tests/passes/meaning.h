#pragma once

#include <vector>

#include "passes/rewrite.h"
#include "sluice/array.h"
#include "sluice/ir/graph.h"

namespace sluice::test {

/// Returns the numbers at which rewrites go wrong, as elements of `dtype`: zeros of both signs, infinities, subnormals,
/// quiet and signaling NaNs of both signs, the extreme integers.
Array special_values(DType dtype);

/// Returns whether the interpreter computes the same before and after, as the mark promises: for random inputs and,
/// unless results need only be close, for every pair of special values in the elements of two inputs.
bool keeps_meaning(const ir::Graph& before, const ir::Graph& after, passes::Exactness exactness);

struct Retyped {
  DType from;
  DType to;
  ir::Graph graph;
};

/// Returns the graph with each of its dtypes replaced by each other one that its ops accept.
std::vector<Retyped> in_all_dtypes(const ir::Graph& graph);

}  // namespace sluice::test
