#pragma once

#include <functional>
#include <string>

#include "backend/codegen/codegen.h"
#include "backend/codegen/emitter.h"

namespace sluice::backend {

/// Emits kernel `kernel` of `plan` as the function `symbol`, of type KernelFunction.
void emit_kernel(Emitter& e, const Plan& plan, std::size_t kernel, const std::string& symbol, bool exported);

/// Makes machine code of a module that `emit` fills. Its functions may be for CPUs other than `target`, as their
/// attributes say.
Generated generate_module(const std::string& name, const Target& target, KeepTexts keep,
                          const std::function<void(llvm::Module&)>& emit);

}  // namespace sluice::backend
