#pragma once

#include <cstdint>
#include <optional>

#include "ir/random_graph.h"
#include "tools/check/engine_check.h"

namespace sluice::tools {

struct FuzzOptions {
  std::int64_t count = 100;
  std::uint64_t seed = 1;
  /// Every how manyth graph is compiled, too; the others go through the passes only.
  int jit_every = 1;
  /// The kind of graphs; none: all kinds in turn.
  std::optional<ir::RandomKind> kind = {};
  /// How to check; batch sizes, seed and whether to compile are set for each graph.
  FullCheckOptions check = {};
};

struct FuzzReport {
  std::int64_t graphs = 0;
  std::int64_t compiled = 0;
  std::int64_t drawn_again =
      0;  ///< in whose place others were drawn, since too much of them was not finite or undecided
  std::int64_t elements = 0;
  std::int64_t undecided = 0;
  std::int64_t gradients = 0;
  std::optional<passes::Difference> difference;
  std::optional<ir::Graph> graph;  ///< the one that differs
};

/// Checks `count` random graphs; stops at the first difference. Graph i is the same for the same seed + i.
FuzzReport fuzz(const FuzzOptions& options);

}  // namespace sluice::tools
