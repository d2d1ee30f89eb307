#pragma once

#include "backend/codegen/emitter.h"

namespace sluice::backend::aot {

/// Functions shared by the code for all CPUs.
struct Team {
  /// void(memory): waits until every thread of the step has called it equally often.
  llvm::Function* barrier = nullptr;
  /// void(begins, threads, used, units, units of a block, size, block, step): sets begins[t] to the first unit of
  /// thread t's share, for t up to `threads`, as Units::share_begin.
  llvm::Function* share = nullptr;
};

Team emit_team(Emitter& e, const std::string& prefix);

/// Flushes denormals to zero, as the JIT does: arithmetic on them is up to a hundred times slower. Returns what to
/// restore; null where there is nothing to do.
llvm::Value* flush_denormals(Emitter& e);
void restore_denormals(Emitter& e, llvm::Value* saved);

}  // namespace sluice::backend::aot
