#pragma once

#include <memory>

#include "sluice/runtime/executable.h"

namespace sluice::runtime {

/// Executable::create for Engine::kJit; the types of `variables` have been checked.
std::unique_ptr<Executable> make_jit_executable(const ir::Graph& traced, Variables variables,
                                                const ExecutableOptions& options);

}  // namespace sluice::runtime
