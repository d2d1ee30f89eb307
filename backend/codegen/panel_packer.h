#pragma once

#include <functional>

#include "backend/codegen/product_tile.h"

namespace sluice::backend {

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

    /// What stands from column c of memory on, in row 0 of memory.
    std::function<Panel(llvm::Value* column)> at;
  };

  PanelPacker(Emitter& emitter, DType dtype, Source source, std::int64_t panel_columns);

  /// All of the panel whose first column is `column`, to `to`.
  void pack(llvm::Value* column, llvm::Value* to);

  /// Whether pack_small() can pack the `count` columns of a panel: their number and the depth are static, and they lie
  /// as rows of memory.
  bool is_small(llvm::Value* count) const;
  /// The same as pack(), for a panel that was prefetched: its strips are unrolled along the rows of a vector, of which
  /// those past the last column are left out.
  void pack_small(llvm::Value* column, llvm::Value* count, llvm::Value* to);

  /// How many strips a panel of a transposed factor has, one of them, and those first <= strip < last of them.
  llvm::Value* strips();
  void pack_strips(llvm::Value* column, llvm::Value* first, llvm::Value* last, llvm::Value* to);
  void pack_strip(llvm::Value* column, llvm::Value* strip, llvm::Value* to);

 private:
  using Values = Emitter::Values;

  void pack_rows(llvm::Value* column, llvm::Value* to);
  void prefetch_share(llvm::Value* k, llvm::Value* first);
  Values turn(const Values& rows, llvm::Value* mask);

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
