#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "backend/aot/level.h"
#include "backend/aot/variables.h"

namespace sluice::backend::aot {

using Levels = std::vector<std::unique_ptr<Level>>;

/// The functions that C programs call: they check what they get, then call those of a level. Emitted for the oldest CPU
/// of the architecture.
class EntryCode {
 public:
  EntryCode(Emitter& e, const Specification& specification, const MemoryMap& memory, const Levels& levels,
            std::uint64_t magic);

  void emit(Constants& constants);

 private:
  bool takes_largest() const { return !specification_.largest && !memory_.symbols.empty(); }

  llvm::Value* emit_sizes(llvm::Function* function, unsigned first_argument);
  llvm::Function* emit_fits();
  llvm::Function* emit_bytes();
  void emit_memory_bytes();
  void emit_init(Constants& constants);
  llvm::Function* emit_make(Constants& constants, VariableCode& variables, std::vector<llvm::Type*> parameters);
  llvm::Value* emit_level_of_cpu();
  void emit_run();
  void check_arrays(llvm::Function* function, unsigned first);
  void load_symbols(llvm::Value* table);

  Emitter& e_;
  const Specification& specification_;
  const MemoryMap& memory_;
  const Levels& levels_;
  std::uint64_t magic_;
  llvm::Function* fits_ = nullptr;   ///< i1(sizes)
  llvm::Function* bytes_ = nullptr;  ///< i64(sizes, threads): bytes of memory, or a code
};

}  // namespace sluice::backend::aot
