#pragma once

#include <map>
#include <string>
#include <vector>

#include "backend/aot/memory_map.h"
#include "backend/aot/team.h"
#include "backend/codegen/emitter.h"
#include "backend/plan.h"

namespace sluice::backend::aot {

/// Constant arrays of a module, one for each content.
class Constants {
 public:
  /// Returns the address of `bytes`, aligned to a cache line and followed by one of zeros.
  llvm::Constant* of(llvm::Module& module, std::string bytes);

 private:
  std::map<std::string, llvm::Constant*> known_;
};

/// The code for one CPU: kernels, and what runs them on a context's memory.
class Level {
 public:
  Level(const Specification& specification, const MemoryMap& memory, const Target& target, std::string name);

  const Plan& plan() const { return plan_; }
  const Target& target() const { return target_; }
  const std::string& name() const { return name_; }

  void emit(llvm::Module& module, Constants& constants, const Team& team);

  // The functions that emit() made, for the exported ones to call.
  llvm::Function* bytes_function =
      nullptr;                              ///< i64(sizes, threads): the memory that a context needs with these symbols
  llvm::Function* bind_function = nullptr;  ///< void(memory): stores what is the same in all steps
  llvm::Function* step_function = nullptr;  ///< i32(memory): runs a step on the inputs, outputs and sizes in memory

  /// Returns what `bytes_function` does.
  std::int64_t memory_bytes(const Bindings& sizes, int threads) const;
  std::int64_t fixed_bytes() const { return fixed_; }
  std::int64_t tables_end() const { return static_arena_; }

 private:
  /// Memory whose size depends on the symbols, behind the shares.
  struct Extents {
    std::vector<llvm::Value*> arenas;  ///< their offsets
    std::vector<llvm::Value*> units;   ///< of each arena, the bytes of a granule times its symbols
    std::vector<llvm::Value*>
        copies;                     ///< the offset of the copy of each input; null: it is read where the caller has it
    llvm::Value* room = nullptr;    ///< the end of all these
    llvm::Value* stride = nullptr;  ///< the scratch of a thread
  };

  void emit_kernels(Emitter& e);
  llvm::Function* emit_bytes(Emitter& e);
  llvm::Function* emit_bind(Emitter& e, Constants& constants);
  llvm::Function* emit_work(Emitter& e, const Team& team);
  llvm::Function* emit_step(Emitter& e, llvm::Function* schedule, llvm::Function* work);

  // level_schedule.cpp
  Extents extents(Emitter& e) const;
  llvm::Function* emit_schedule(Emitter& e, const Team& team);
  void bind_growing(Emitter& e, llvm::Value* memory, const Extents& extents, llvm::Value* room);
  void emit_shares(Emitter& e, llvm::Value* memory, const Team& team);

  /// Starts a function's code with the values of the plan's symbols, which the caller gave in this table.
  void load_sizes(Emitter& e, llvm::Value* table);
  /// Sets the address of a buffer for all kernels that use it.
  void set_address(Emitter& e, llvm::Value* memory, std::size_t buffer, llvm::Value* address);
  llvm::Value* share_bytes(Emitter& e, llvm::Value* threads) const;

  const Specification& specification_;
  const MemoryMap& memory_;
  Target target_;
  std::string name_;
  Plan plan_;
  std::vector<std::size_t> code_;               ///< for each kernel, the one whose code it uses
  std::vector<llvm::Function*> functions_;      ///< for each kernel
  std::vector<std::int64_t> tails_;             ///< for each input, the bytes past its end that kernels read
  std::vector<std::size_t> first_argument_;     ///< of each kernel
  std::vector<std::vector<std::size_t>> uses_;  ///< for each buffer, the arguments that it is
  // Offsets in memory.
  std::int64_t arguments_ = 0;
  std::int64_t sizes_ = 0;
  std::int64_t kernel_threads_ = 0;  ///< i32 for each kernel
  std::int64_t barriers_ = 0;        ///< u8 for each kernel
  std::int64_t static_arena_ = 0;
  std::int64_t fixed_ = 0;  ///< the end of what does not depend on symbols or threads: where the shares begin
};

}  // namespace sluice::backend::aot
