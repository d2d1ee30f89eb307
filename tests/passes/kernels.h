#pragma once

#include <vector>

#include "sluice/ir/graph.h"

namespace sluice::test {

/// Returns the nodes that need a kernel: all but inputs, constants, batch_size and reshapes.
std::vector<std::uint32_t> kernels(const ir::Graph& graph);

}  // namespace sluice::test
