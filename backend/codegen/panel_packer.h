#pragma once

#include <functional>

#include "backend/codegen/product_tile.h"

namespace sluice::backend {

/// Transposes `lanes` rows of 16 bytes, `strip` elements each, in registers: vector i of the result has element i of
/// every row. `load` emits a row, as a vector.
Emitter::Values transpose_strip(Emitter& e, int lanes, int strip, const std::function<llvm::Value*(int row)>& load);

/// Code that copies panels of a product's second factor to scratch: rows of `panel_columns` elements, one for each
/// inner position. A factor that lies in memory as columns is turned around on the way, strip by strip: the columns of
/// one vector, for as many inner positions as 16 bytes hold.
class PanelPacker {
 public:
  /// The second factor in memory.
  struct Source {
    bool transposed;
    Dim depth;    ///< inner positions
    Dim columns;  ///< of the product
    Dim stride;   ///< between rows of memory, where each is one piece

    /// Returns the panel that starts at column `column` of memory, in row 0 of the matrix at `matrix`.
    std::function<Panel(llvm::Value* matrix, llvm::Value* column)> at;
  };

  PanelPacker(Emitter& emitter, DType dtype, Source source, std::int64_t panel_columns);

  /// Packs all of the panel whose first column is `column`, of the matrix at `matrix`, to `to`.
  void pack(llvm::Value* matrix, llvm::Value* column, llvm::Value* to) const;

  /// Returns whether pack_small() can pack the `count` columns of a panel: their number and the depth are static, and
  /// they lie as rows of memory.
  bool is_small(llvm::Value* count) const;
  /// The same as pack(), for a panel that was prefetched: its strips are unrolled along the rows of a vector, of which
  /// those past the last column are left out.
  void pack_small(llvm::Value* matrix, llvm::Value* column, llvm::Value* count, llvm::Value* to) const;

  /// Returns how many strips a panel of a transposed rhs has; packs the strips first <= strip < last of them, or one.
  llvm::Value* strips() const;
  void pack_strips(llvm::Value* matrix, llvm::Value* column, llvm::Value* first, llvm::Value* last,
                   llvm::Value* to) const;
  void pack_strip(llvm::Value* matrix, llvm::Value* column, llvm::Value* strip, llvm::Value* to) const;

 private:
  using Values = Emitter::Values;

  void pack_rows(llvm::Value* matrix, llvm::Value* column, llvm::Value* to) const;
  void prefetch_share(llvm::Value* matrix, llvm::Value* k, llvm::Value* first) const;
  Values turn(const Values& rows, llvm::Value* mask) const;

  std::int64_t vectors() const;

  Emitter& e_;
  llvm::Type* element_;
  int lanes_;
  int strip_;  ///< inner positions of a strip
  llvm::Align align_;
  Source source_;
  std::int64_t panel_columns_;
};

}  // namespace sluice::backend
