#pragma once

#include <memory>

#include "sluice/runtime/executable.h"

namespace sluice::runtime {

/// Returns `inner`, the executable of `traced` and `variables`, wrapped so that a step also fails if `options.examine`
/// throws, and, if `options.check_numerics` is set, if a NaN or an infinity reaches a result of `options.judged` or a
/// variable. The Error then names the op that produced it, with its line, its index and its operands
/// (runtime/execution/non_finite.h). The variables are as before a failed step, bit for bit, if either can happen:
/// those that the graph updates are copied before each step.
std::unique_ptr<Executable> make_checked_executable(std::unique_ptr<Executable> inner, const ir::Graph& traced,
                                                    Variables variables, const ExecutableOptions& options);

}  // namespace sluice::runtime
