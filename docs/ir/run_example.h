#pragma once

#include <string>
#include <vector>

#include "sluice/array.h"
#include "sluice/ir/graph.h"

namespace sluice::docs {

/// B in the examples of docs/ir.md.
inline constexpr std::int64_t kExampleBatch = 2;

/// Returns an example's input: 1, 2, 3, ...; true, false, true, ... for bool.
Array counted(const Type& type);

/// Evaluates a graph on counted inputs in the interpreter and returns a comment line for each input, state, result and
/// updated state.
std::string run_example(const ir::Graph& graph);

}  // namespace sluice::docs
