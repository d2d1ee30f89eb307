#pragma once

#include <functional>
#include <string_view>
#include <vector>

#include "sluice/ir/graph.h"

namespace sluice::test {

/// A family of graphs of any size, like those of unrolled loops: about `nodes` nodes before the passes.
struct LargeGraph {
  std::string_view name;
  ir::Graph (*make)(int nodes);
};

/// Returns one of each shape that has caused superlinear time in some compiler: long chains, wide fans, many readers of
/// one value, unrolled networks with their gradients.
std::vector<LargeGraph> large_graphs();

}  // namespace sluice::test
