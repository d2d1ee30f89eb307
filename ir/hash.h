#pragma once

#include <cstddef>

#include "sluice/ir/graph.h"

namespace sluice::ir {

/// Returns a hash of everything that operator== of Attributes compares.
std::size_t hash_of(const Attributes& attributes);

/// Returns a hash of everything that `equal_structure` compares.
std::size_t hash_structure(const Graph& graph);

}  // namespace sluice::ir
