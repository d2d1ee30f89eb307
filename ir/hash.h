#pragma once

#include <cstddef>

#include "sluice/ir/graph.h"

namespace sluice::ir {

/// A hash of what operator== of Attributes compares.
std::size_t hash_of(const Attributes& attributes);

/// A hash of what `equal_structure` compares.
std::size_t hash_structure(const Graph& graph);

}  // namespace sluice::ir
