#pragma once

#include <string>
#include <vector>

#include "ir/graph.h"

namespace sluice::test {

enum class BodyKind { kLoop, kMatmul, kReduce, kRows };

/// Which of the four kinds of passes/fuse.h a body is. Throws Error, saying what breaks the rules, if it is none.
BodyKind classify_body(const ir::Graph& body);

/// classify_body for every fused node of the graph.
void check_fusion_contract(const ir::Graph& graph);

/// The nodes that need a kernel: all but inputs, constants, batch_size and reshapes.
std::vector<std::uint32_t> kernels(const ir::Graph& graph);

}  // namespace sluice::test
