#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "sluice/ir/graph.h"

// Edits that shrink a graph without preserving its meaning, for the reducer.
namespace sluice::tools {

/// The results, then the updates of those states that have one.
struct Outputs {
  std::vector<std::size_t> results;
  std::vector<std::size_t> updates;

  std::size_t size() const { return results.size() + updates.size(); }
};
Outputs outputs_of(const ir::Graph& graph);
/// Returns `count` of them, starting at `first`.
Outputs part_of(const Outputs& outputs, std::size_t first, std::size_t count);

/// Returns each node's distance from the outputs: 0 for nodes that compute them, -1 for nodes they do not need.
std::vector<int> distances(const ir::Graph& graph);

/// Returns the graph with these outputs, in which a parameter replaces each result of the nodes in `cut` that is still
/// read, or nothing if there is no output.
std::optional<ir::Graph> cut(const ir::Graph& graph, const Outputs& outputs, const std::vector<bool>& cut_nodes);

/// Returns the graph in which one node is replaced by its operand, which has the same type.
std::optional<ir::Graph> with_operand_instead(const ir::Graph& graph, std::uint32_t node, std::size_t operand);

/// Returns the names of the inputs that nothing reads.
std::vector<std::string> unused_inputs(const ir::Graph& graph);
ir::Graph without_inputs(const ir::Graph& graph, std::span<const std::string> names);

/// Returns the static sizes above 1 that inputs have, largest first.
std::vector<std::int64_t> sizes_of_inputs(const ir::Graph& graph);
/// Returns the graph in which every static size `from` is `to`, or nothing if a constant has such a size. Throws Error
/// if the operands of a node no longer fit.
std::optional<ir::Graph> resized(const ir::Graph& graph, std::int64_t from, std::int64_t to);

}  // namespace sluice::tools
