#pragma once

#include <cstdint>

#include "ir/graph.h"

namespace sluice::ir {

/// A graph of about `node_count` random nodes: all ops that a traced graph can have, all dtypes, shapes with and
/// without B, states with updates, and up to three `gradient` nodes, by inner values too. Most operands of log, sqrt,
/// div, pow and exp are kept where the results are finite; not all. The same for the same seed on every machine.
Graph random_graph(std::uint64_t seed, int node_count);

}  // namespace sluice::ir
