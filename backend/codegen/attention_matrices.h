#pragma once

#include <vector>

#include "backend/codegen/attention_code.h"
#include "backend/codegen/kernels.h"

namespace sluice::backend {

/// The kernel of one attention or attention_gradient, and its memory.
struct AttentionFrame {
  explicit AttentionFrame(Frame& kernel);

  Frame& frame;
  Emitter& e;
  const ir::AttentionBody body;
  const ir::Node& node;
  ir::AttentionParts parts;
  AttentionTile tile;
  AttentionScratch scratch;
  AttentionCode code;
  llvm::Value* queries;  ///< how many there are, at the kernel's entry
  llvm::Value* keys;     ///< likewise, without those that no query sees for their place

  /// A matrix of an operand or a result.
  struct Matrix {
    llvm::Value* pointer;
    std::int64_t stride;  ///< of its rows

    /// Returns the address of a row.
    llvm::Value* row(Emitter& emitter, llvm::Value* index) const {
      auto& b = emitter.b;
      return emitter.element(b.getFloatTy(), pointer, b.CreateMul(index, emitter.i64(stride)));
    }
  };
  /// The matrix that unit `blocks` works on.
  Matrix operand(std::size_t i, const std::vector<llvm::Value*>& blocks);
  Matrix result(std::size_t i, const std::vector<llvm::Value*>& blocks);

  /// The rows of a unit's operands that are asked for while the unit before is computed: heads are too short for the
  /// hardware to see their streams.
  struct Ahead {
    std::vector<Matrix> matrices;
    std::vector<std::int64_t> widths;
  };
  /// Those of the unit behind `unit`, of the operands `which`.
  Ahead ahead(llvm::Value* unit, std::initializer_list<std::size_t> which);
  /// Asks for the rows first + count * begin / end to first + count * (begin + step) / end of all of them.
  void prefetch(const Ahead& ahead, llvm::Value* first, std::int64_t count, llvm::Value* begin, std::int64_t step,
                llvm::Value* end);

  /// Hides in a tile of scores what the queries from `query` on do not see of the keys from `key` on.
  void hide(llvm::Value* weights, llvm::Value* query, llvm::Value* rows, llvm::Value* key, llvm::Value* mask);
  /// The address of a mask's first element for the unit; null: there is no mask.
  llvm::Value* mask(const std::vector<llvm::Value*>& blocks);
  /// A part of scratch, from the next cache line on.
  llvm::Value* part(const Bytes& begin);
  llvm::Value* floats(llvm::Value* pointer, llvm::Value* index) { return e.element(e.b.getFloatTy(), pointer, index); }
  /// How many keys the last query before `query` may see.
  llvm::Value* keys_before(llvm::Value* query) { return parts.causal ? e.min(keys, query) : keys; }

 private:
  Matrix matrix(const ir::AttentionView& view, const Place& place, const std::vector<llvm::Value*>& blocks);
};

void emit_attention_forward(AttentionFrame& frame, llvm::Value* unit);   ///< attention_kernel.cpp
void emit_attention_backward(AttentionFrame& frame, llvm::Value* unit);  ///< attention_backward.cpp

}  // namespace sluice::backend
