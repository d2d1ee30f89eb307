#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sluice/ir/graph.h"

// Ways to make a graph smaller, none of which keeps its meaning: what a reducer tries.
namespace sluice::tools {

/// The results, then the updates of the states that have one.
struct Outputs {
  std::vector<std::size_t> results;
  std::vector<std::size_t> updates;

  std::size_t size() const { return results.size() + updates.size(); }
};
Outputs outputs_of(const ir::Graph& graph);
/// Those from `first` on, `count` of them.
Outputs part_of(const Outputs& outputs, std::size_t first, std::size_t count);

/// How far each node is from the outputs: 0 for the ones that compute them, -1 for what they do not need.
std::vector<int> distances(const ir::Graph& graph);

/// The graph with these outputs, in which each node of `cut` has given way to a parameter for each of its results that
/// is still read. None if there is no output.
std::optional<ir::Graph> cut(const ir::Graph& graph, const Outputs& outputs, const std::vector<bool>& cut_nodes);

/// The graph in which one node has given way to its operand, which has the same type.
std::optional<ir::Graph> with_operand_instead(const ir::Graph& graph, std::uint32_t node, std::size_t operand);

/// The names of the inputs that nothing reads.
std::vector<std::string> unused_inputs(const ir::Graph& graph);
ir::Graph without_inputs(const ir::Graph& graph, std::span<const std::string> names);

/// The static sizes above 1 that inputs have, largest first.
std::vector<std::int64_t> sizes_of_inputs(const ir::Graph& graph);
/// The graph in which every static size `from`, wherever it stands, is `to`. None if a constant has such a size. Throws
/// Error if the operands of a node no longer fit each other.
std::optional<ir::Graph> resized(const ir::Graph& graph, std::int64_t from, std::int64_t to);

}  // namespace sluice::tools
