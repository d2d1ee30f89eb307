#pragma once

#include "backend/aot/level.h"

namespace sluice::backend::aot {

/// Access to variables as row-major arrays, by number.
class VariableCode {
 public:
  VariableCode(Emitter& e, const Specification& specification, const MemoryMap& memory);

  /// Emits PREFIX_get, PREFIX_set and PREFIX_describe. `magic` is that of a context of this function.
  void emit_access(std::uint64_t magic);
  /// Gives variables their initial values. Where `zeroed`, an i1, holds, memory has those that are zero.
  void emit_initial(Constants& constants, llvm::Value* memory, llvm::Value* zeroed);

 private:
  enum class Direction { kGet, kSet };

  llvm::GlobalVariable* emit_table();
  llvm::Function* emit_transfer();
  void emit_get_or_set(Direction direction, std::uint64_t magic);
  void emit_describe();
  llvm::Value* entry_of(llvm::Value* index);
  void return_if_no_variable(llvm::Value* index);

  Emitter& e_;
  const Specification& specification_;
  const MemoryMap& memory_;
  llvm::GlobalVariable* names_ = nullptr;
  llvm::GlobalVariable* table_ = nullptr;
  llvm::Function* transfer_ = nullptr;  ///< void(memory, array, entry, i1 sets)
};

// Shared by the exported functions, in entry.cpp.

/// Returns from the function unless the context is one of this function that init has made; else its memory.
llvm::Value* checked_memory(Emitter& e, llvm::Value* context, std::uint64_t magic);
/// Returns kBusy from the function if another call uses the memory; else keeps others out until release_memory.
void acquire_memory(Emitter& e, llvm::Value* memory);
void release_memory(Emitter& e, llvm::Value* memory);

}  // namespace sluice::backend::aot
