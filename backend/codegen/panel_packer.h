#pragma once

#include "backend/codegen/emitter.h"
#include "ir/type.h"

namespace sluice::backend {

/// Code that copies parts of a product's second factor to a panel in scratch: rows of `columns` elements, one for each
/// inner position.
class PanelPacker {
 public:
  PanelPacker(Emitter& emitter, DType dtype, std::int64_t columns);

  /// The inner positions of a panel whose row 0 begins at `from`, `count` columns wide: as many vectors a row.
  void pack_rows(llvm::Value* from, llvm::Value* stride, llvm::Value* depth, llvm::Value* count, std::int64_t vectors,
                 llvm::Value* to);

  /// A square block of lanes x lanes elements whose memory has columns as rows, `stride` apart, turned around. Rows of
  /// memory past `last_row` repeat it; elements past `left` of a row become rows of zeros.
  void pack_transposed(llvm::Value* from, llvm::Value* stride, llvm::Value* last_row, llvm::Value* left,
                       llvm::Value* to);

 private:
  using Values = Emitter::Values;

  llvm::Function* transposed_function();
  void transpose(Values& block);

  Emitter& e_;
  llvm::Type* element_;
  int bytes_;
  int lanes_;
  std::int64_t columns_;
};

}  // namespace sluice::backend
