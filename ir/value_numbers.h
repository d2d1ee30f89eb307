#pragma once

#include <cstddef>

#include "sluice/ir/graph.h"

namespace sluice::ir {

/// Returns how many numbers the results of a node take in a graph's text: "%2, %3 = ..." takes two, and an input, which
/// has a name, none. The number of a node's first result is the sum for those before it.
inline std::size_t numbers_of(const Node& node) { return info(node.op).has(kInput) ? 0 : node.types.size(); }

}  // namespace sluice::ir
