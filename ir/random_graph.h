#pragma once

#include <cstdint>
#include <string_view>

#include "sluice/ir/graph.h"

namespace sluice::ir {

/// The kinds of random graphs.
enum class RandomKind : std::uint8_t {
  kSmall,  ///< matrices of 4 columns: every op meets every other within few elements
  kWide,   ///< matrices around the sizes of tiles and panels, weights that several products read, steps of optimizers
  kEmpty,  ///< some axes have no elements
  kChain,  ///< many elementwise nodes in a row
  kSizes,  ///< small, with a second symbol T of at least 5 and axes such as T-1, T+2, 2*T and B*T
};

std::string_view to_string(RandomKind kind);  ///< "small", "wide", "empty", "chain", "sizes"

/// Returns a graph of about `node_count` random nodes, ten times as many in a chain: all ops that a traced graph can
/// have, all dtypes, shapes with and without B, states with updates, and up to three `gradient` nodes, also with
/// respect to inner values. Most operands of log, sqrt, div, pow and exp are in ranges with finite results.
/// Deterministic for given arguments, on every machine.
Graph random_graph(std::uint64_t seed, int node_count, RandomKind kind = RandomKind::kSmall);

}  // namespace sluice::ir
