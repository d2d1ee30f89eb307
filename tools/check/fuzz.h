#pragma once

#include <cstdint>
#include <optional>

#include "ir/random_graph.h"
#include "tools/check/engine_check.h"

namespace sluice::tools {

struct FuzzOptions {
  std::int64_t count = 100;
  std::uint64_t seed = 1;
  /// One in this many graphs is also compiled; the others only go through the passes.
  int jit_every = 1;
  /// The kind of graphs; empty: all kinds in turn.
  std::optional<ir::RandomKind> kind = {};
  /// How to check; batch sizes, seed and whether to compile are set for each graph.
  FullCheckOptions check = {};
};

struct FuzzReport {
  std::int64_t graphs = 0;
  std::int64_t compiled = 0;
  std::int64_t drawn_again = 0;  ///< discarded and drawn again, because too much of them was not finite or undecided
  std::int64_t elements = 0;
  std::int64_t undecided = 0;
  std::int64_t gradients = 0;
  std::optional<passes::Difference> difference;
  std::optional<ir::Graph> graph;  ///< the one that differs
};

/// Checks `count` random graphs and stops at the first difference. Graph i depends only on seed + i.
FuzzReport fuzz(const FuzzOptions& options);

}  // namespace sluice::tools
