#pragma once

#include <memory>

#include "sluice/runtime/executable.h"

namespace sluice::runtime {

/// `inner`, the executable of `traced` and `variables`, whose step also throws Error if a NaN or an infinity reaches a
/// result or a variable. The variables are then as before the step, bit for bit, and the Error names the op that made
/// it, with its line, its index and its operands (runtime/execution/non_finite.h); the results are lost. Before each
/// step it copies the variables that the graph updates.
std::unique_ptr<Executable> make_checked_executable(std::unique_ptr<Executable> inner, const ir::Graph& traced,
                                                    Variables variables, Engine engine);

}  // namespace sluice::runtime
