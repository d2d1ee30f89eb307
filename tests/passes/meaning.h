#pragma once

#include <vector>

#include "passes/rewrite.h"
#include "sluice/array.h"
#include "sluice/ir/graph.h"

namespace sluice::test {

/// The numbers at which rewrites go wrong, as elements of `dtype`: zeros of both signs, infinities, subnormals, quiet
/// and signalling NaNs of both signs, the ends of integers.
Array special_values(DType dtype);

/// Whether the interpreter gives the same before and after, as the mark promises: for random inputs, and, unless these
/// need only be close, for every pair of special values in the elements of two inputs.
bool keeps_meaning(const ir::Graph& before, const ir::Graph& after, passes::Exactness exactness);

struct Retyped {
  DType from;
  DType to;
  ir::Graph graph;
};

/// The graph with one of its dtypes replaced by another, wherever its ops take it.
std::vector<Retyped> in_all_dtypes(const ir::Graph& graph);

}  // namespace sluice::test
