#pragma once

#include "backend/codegen/emitter.h"

namespace sluice::backend {

/// A float sum with what rounding has cut off from it (Knuth's two-sum), so that its error does not grow with the
/// number of terms. Terms are added in chains of limited length, and the chains here: the cost of a chain's element
/// stays one addition.
struct CompensatedSum {
  llvm::Value* sum = nullptr;
  llvm::Value* lost = nullptr;  ///< a constant zero: nothing was added but the first term

  CompensatedSum plus(Emitter& e, llvm::Value* term) const;
  /// The sum rounded once. Where it is infinite or NaN, what was cut off is NaN and is left out.
  llvm::Value* total(Emitter& e) const;
};

/// Emits the iterations begin <= i < end, of which there are `count`, in chains of at most `length`. `body` continues a
/// chain's values from `nothing`; `join` adds those of a chain to `total`, which is returned.
Emitter::Values emit_chains(
    Emitter& e, llvm::Value* begin, llvm::Value* end, std::int64_t step, Dim count, std::int64_t length,
    const Emitter::Values& nothing, const Emitter::Values& total,
    const std::function<Emitter::Values(llvm::Value*, const Emitter::Values&)>& body,
    const std::function<Emitter::Values(const Emitter::Values& total, const Emitter::Values& chain)>& join);

}  // namespace sluice::backend
