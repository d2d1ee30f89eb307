#pragma once

#include <array>
#include <cstdint>

#include "backend/codegen/emitter.h"
#include "backend/target.h"

namespace sluice::backend::aot {

inline constexpr std::size_t kCpuWords = 8;  ///< results of cpuid, and the state that the system saves

/// The bits that a CPU's words must have for it to run the code of a target.
using CpuNeeds = std::array<std::uint32_t, kCpuWords>;

/// Returns `target` without the instructions whose presence init could not find out.
Target checkable(const Target& target);
CpuNeeds needs_of(const Target& target);

/// Emits a function void(i32* words), which runs on any CPU of the architecture.
llvm::Function* emit_cpu_words(Emitter& e, const std::string& prefix);
/// Emits a test of `words`: true if the CPU has everything in `needs`.
llvm::Value* emit_has(Emitter& e, llvm::Value* words, const CpuNeeds& needs);

}  // namespace sluice::backend::aot
