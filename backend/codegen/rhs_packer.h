#pragma once

#include "backend/codegen/product_context.h"

namespace sluice::backend {

/// Code that computes panels of a rhs that the kernel's body computes, element by element, and packs them to scratch:
/// rows of a panel's columns, one for each step of K.
class RhsPacker {
 public:
  explicit RhsPacker(const ProductContext& product);

  /// Packs the `count` columns from column `column` on of the rhs at `batch_index`, to `to`. Forgets the panels that
  /// the kernel's elements have open.
  void pack(const Index& batch_index, llvm::Value* column, llvm::Value* count, llvm::Value* to) const;

 private:
  void pack_rows(const Index& batch_index, llvm::Value* column, llvm::Value* count, llvm::Value* to) const;
  void pack_strips(const Index& batch_index, llvm::Value* column, llvm::Value* to) const;
  llvm::Value* element_at(Index index, const Coordinate& row, const Coordinate& column) const;

  const ProductContext& product_;
  Emitter& e_;
  int strip_;  ///< steps of K that 16 bytes hold
  llvm::Align align_;
};

}  // namespace sluice::backend
