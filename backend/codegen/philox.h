#pragma once

#include <array>

#include "backend/codegen/emitter.h"

namespace sluice::backend {

/// Philox4x32-10 (Salmon, Moraes, Dror, Shaw 2011) in every lane: the four words of the block with 128-bit counter
/// (block, counter).
std::array<llvm::Value*, 4> emit_philox(Emitter& e, llvm::Value* block, llvm::Value* counter, llvm::Value* key);

}  // namespace sluice::backend
