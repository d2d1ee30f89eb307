#pragma once

#include <cstdint>
#include <vector>

#include "sluice/array.h"
#include "sluice/ir/graph.h"

namespace sluice::test {

/// Returns whether the elements are equal up to `tolerance`, relative for large numbers; NaN equals NaN and -0 equals
/// 0. False if the types differ.
bool same_values(const Array& x, const Array& y, double tolerance = 0);
bool same_values(const std::vector<Array>& x, const std::vector<Array>& y, double tolerance = 0);

/// Returns whether all bits are equal, except that any NaN equals any other.
bool same_but_nan_bits(const std::vector<Array>& x, const std::vector<Array>& y);

/// Runs both graphs in the interpreter on random inputs, for batch sizes 1 and 3, and returns whether all results and
/// new states have the same bits. Both must have the same signature.
bool same_bits(const ir::Graph& a, const ir::Graph& b, std::uint64_t seed);

/// ir::random_graph with its gradients expanded.
ir::Graph random_graph(std::uint64_t seed, int node_count);

}  // namespace sluice::test
