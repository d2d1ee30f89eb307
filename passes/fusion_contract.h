#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "sluice/ir/graph.h"

// The contract between `fuse` and the backend on the body of a `fused` node. `fuse` makes no other bodies; one that was
// written by hand is held against the same rules.
namespace sluice::passes {

/// A body has at most this many nodes beside those that every reader makes anew. Code generation takes twice as long
/// for the same work in kernels of 512 nodes, and three times as long in kernels of 1,024.
inline constexpr std::size_t kMostMembers = 128;

/// How many nodes it takes to make a scalar anew of constants and the batch size; 0 if it cannot be made of these
/// alone, or takes too many. `sizes` has those of the nodes before.
std::size_t cheap_size(const ir::Node& node, const std::vector<std::size_t>& sizes);

enum class BodyKind : std::uint8_t { kLoop, kMatmul, kReduce, kRows };

/// Which of the four kinds of fuse.h a body is. Throws Error, saying what breaks the rules, if it is none.
BodyKind classify_body(const ir::Graph& body);

/// classify_body for every fused node of the graph; its Error stands at the line of the node.
void check_bodies(const ir::Graph& graph);

/// The same graph with the nodes of each body that is none of the four kinds in place of the fused node.
ir::Graph inline_other_bodies(const ir::Graph& graph);

}  // namespace sluice::passes
