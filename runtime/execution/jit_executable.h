#pragma once

#include <memory>

#include "backend/compile.h"
#include "sluice/runtime/executable.h"

namespace sluice::runtime {

/// Returns the options of compilation that `options` and flags() determine.
backend::CompileOptions compile_options(const ExecutableOptions& options);

/// Executable::create for Engine::kJit; the types of `variables` have been checked.
std::unique_ptr<Executable> make_jit_executable(const ir::Graph& traced, Variables variables,
                                                const ExecutableOptions& options);

/// Makes an executable of a program compiled from `traced`.
std::unique_ptr<Executable> make_jit_executable(const ir::Graph& traced, Variables variables,
                                                std::shared_ptr<const backend::Program> program,
                                                const ExecutableOptions& options = {});

}  // namespace sluice::runtime
