#pragma once

#include <cstdint>

#include "ir/graph.h"

namespace sluice::test {

/// A graph of `node_count` random nodes over [B,4], [4,4], [B,1], [B], [4] and [], of most ops that passes look at,
/// with a few states, updates and results. The same for the same seed on every machine.
ir::Graph random_graph(std::uint64_t seed, int node_count);

/// Runs both graphs in the interpreter on random inputs, for batch sizes 1 and 3, and whether all results and new
/// states have the same bits. Both have the same signature.
bool same_bits(const ir::Graph& a, const ir::Graph& b, std::uint64_t seed);

}  // namespace sluice::test
