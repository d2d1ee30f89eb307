#pragma once

#include <cstdint>

#include "backend/plan.h"
#include "sluice/ir/graph.h"

namespace sluice::tools {

/// Prints every buffer of `plan`, which `graph` has become, with its place, size and lifetime, and the sums: all that
/// the program will take, before it has run. States and results that are written in place have several buffers in one
/// memory; they are counted once.
void print_memory(const ir::Graph& graph, const backend::Plan& plan, const Bindings& bindings, int threads);

}  // namespace sluice::tools
