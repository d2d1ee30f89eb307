#pragma once

#include <cstdint>

#include "backend/plan.h"
#include "sluice/ir/graph.h"

namespace sluice::tools {

/// Prints every buffer of `plan`, compiled from `graph`, with its place, size and lifetime, and the totals: all memory
/// that the program will need, before it runs. States and results that are written in place have several buffers in one
/// memory, which is counted once.
void print_memory(const ir::Graph& graph, const backend::Plan& plan, const Bindings& bindings, int threads);

}  // namespace sluice::tools
