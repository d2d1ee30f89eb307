#pragma once

#include <memory>

#include "sluice/runtime/executable.h"

namespace sluice::runtime {

/// Returns `inner`, the executable of `traced` and `variables`, wrapped so that a step also throws Error if a NaN or an
/// infinity reaches a result or a variable. The variables are then as before the step, bit for bit, and the Error names
/// the op that produced it, with its line, its index and its operands (runtime/execution/non_finite.h); the results are
/// lost. Copies the variables that the graph updates before each step.
std::unique_ptr<Executable> make_checked_executable(std::unique_ptr<Executable> inner, const ir::Graph& traced,
                                                    Variables variables, Engine engine);

}  // namespace sluice::runtime
