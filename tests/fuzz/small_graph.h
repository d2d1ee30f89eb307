#pragma once

#include <algorithm>
#include <cstdlib>
#include <vector>

#include "ir/random_arrays.h"
#include "ir/solve_sizes.h"
#include "sluice/ir/graph.h"
#include "sluice/runtime/executable.h"

namespace sluice::fuzz {

/// What each symbolic size of a graph is when it runs.
inline constexpr std::int64_t kSize = 2;

/// Returns whether a graph and all its values, including those of bodies, are so small that running it takes no time.
inline bool is_small(const ir::Graph& graph) {
  constexpr std::size_t kNodes = 100;
  constexpr double kElements = 4096;
  const auto small = [](const Type& type) {
    double elements = 1;
    for (const Dim dim : type.shape) elements *= std::max(1.0, std::abs(static_cast<double>(dim.where_all_are(kSize))));
    return elements <= kElements;
  };
  // The code of these ops grows with the numbers.
  const auto is_short = [](const ir::Node& node) {
    constexpr std::int64_t kCells = 64;
    std::int64_t cells = 1;
    if (node.attributes.find(ir::Attr::kSizes) != nullptr) {
      for (const std::int64_t size : node.attributes.integers(ir::Attr::kSizes)) cells *= size;
    }
    if (node.op == ir::Op::kIsFirstMax) {
      for (const std::int64_t axis : node.attributes.integers(ir::Attr::kAxes))
        cells *= node.types[0].shape[static_cast<int>(axis)].size;
    }
    return cells <= kCells;
  };
  return graph.nodes().size() <= kNodes && std::ranges::all_of(graph.nodes(), [&](const ir::Node& node) {
           return std::ranges::all_of(node.types, small) && is_short(node);
         });
}

/// Compiles and runs a graph on random inputs.
inline void run(const ir::Graph& graph, runtime::Engine engine) {
  constexpr std::uint64_t kSeed = 1;
  const auto executable = runtime::Executable::create(graph, runtime::variables_for(graph, random_states(graph, kSeed)),
                                                      {.engine = engine});
  std::vector<Array> outputs(graph.results().size());
  executable->run(random_parameters(graph, ir::completed(graph, kSize, kSize), kSeed), outputs);
}

}  // namespace sluice::fuzz
