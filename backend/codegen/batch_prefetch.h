#pragma once

#include <functional>

#include "backend/codegen/emitter.h"
#include "backend/tile_model.h"

namespace sluice::backend {

/// Prefetches for products of a batch of small matrices, which stream through the caches: the next panel of the rhs,
/// the next matrix of a lhs that is read by columns, and the rows of the result that the tile is about to store.
/// The hardware prefetcher covers little of it: the rows of a panel are apart, and packing reads a whole panel at once.
/// Splits the steps of K of each tile into parts and issues an even share of the prefetches before each part; a burst
/// would delay the loads of the operands.
class BatchPrefetch {
 public:
  using Values = Emitter::Values;

  struct Product {
    std::int64_t m = 0;
    std::int64_t n = 0;
    std::int64_t k = 0;
    Tile tile;
    std::int64_t panel_columns = 0;
    std::int64_t element_bytes = 0;
    bool lhs_by_columns = false;
    bool rhs_transposed = false;  ///< so its panels are packed
  };
  BatchPrefetch(Emitter& emitter, llvm::Type* element, const Product& product);

  /// The memory that the tiles of one pair of matrices prefetch.
  struct Matrix {
    llvm::Value* rhs;
    llvm::Value* next_lhs;
  };
  /// Returns it for the matrices at `lhs` and `rhs`, which the next ones follow in memory.
  Matrix matrix(llvm::Value* lhs, llvm::Value* rhs) const;

  /// The memory that the tiles of one panel of the result prefetch.
  struct Panel {
    llvm::Value* next_rhs;  ///< the next panel of the rhs
    llvm::Value* next_lhs;
    llvm::Value* first_part;  ///< the number of its first part, among those of the matrix
  };
  /// Returns it for the panel that starts at column `column`.
  Panel panel(const Matrix& matrix, llvm::Value* column) const;

  /// Takes `start` through all steps of K of a tile of `rows` rows, the `tile`th that the thread computes of the panel:
  /// `chain` takes it through some of them, and `fetch_row` prefetches row r of the tile's result.
  Values steps(const Panel& panel, const Values& start, llvm::Value* tile, std::int64_t rows,
               const std::function<Values(const Values&, llvm::Value*)>& chain,
               const std::function<void(llvm::Value* r)>& fetch_row) const;

 private:
  /// Cache lines that are shared out: `rows` rows of `lines` lines one behind the other, the rows `apart` elements from
  /// each other.
  struct Region {
    std::int64_t rows = 0;
    std::int64_t lines = 0;
    std::int64_t apart = 0;
    std::int64_t each = 0;  ///< rows for each part
  };
  void fetch(const Region& region, llvm::Value* start, llvm::Value* part) const;

  Emitter& e_;
  llvm::Type* element_;
  Product product_;
  std::int64_t parts_ = 1;  ///< of a tile
  Region panel_;            ///< the next panel of the rhs
  Region lhs_;              ///< the next matrix
};

}  // namespace sluice::backend
