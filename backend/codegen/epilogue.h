#pragma once

#include <optional>
#include <vector>

#include "backend/codegen/product_context.h"

namespace sluice::backend {

/// The memory that a product's epilogue touches, and the column sums beside it. Prefetches the memory that the epilogue
/// will touch in a tile, such as an optimizer's state, so that it arrives while the product is computed.
class Epilogue {
 public:
  explicit Epilogue(const ProductContext& product);

  /// Returns whether the sums of the rhs's columns are another result (a bias's gradient beside the weight's).
  bool has_column_sums() const { return column_sums_.has_value(); }
  /// Stores them for the `count` columns from `column` on: a vector for each vector of the panel's rows.
  void store_column_sums(const Emitter::Values& sums, llvm::Value* column, llvm::Value* count) const;

  /// Opens code for the result's panel that begins at column `column`: finds once where the matrices that lie in panels
  /// have it, each by its own layout.
  void begin_panel(llvm::Value* column) const;

  /// Prefetches a row of the tile whose first column is `column`, or all its rows.
  void prefetch_row(const Matrices& at, llvm::Value* row, llvm::Value* column) const;
  void prefetch_tile(const Matrices& at, llvm::Value* first_row, std::int64_t rows, llvm::Value* column) const;

 private:
  /// A matrix of the result's shape.
  struct Touched {
    Place place;
    DType dtype;
  };

  bool in_panels(const Place& place) const;
  PanelStart panel_of(const Place& place) const;

  Frame& frame_;
  Emitter& e_;
  Shape shape_;
  std::int64_t columns_;
  std::vector<Touched> read_;
  std::vector<Touched> written_;
  std::optional<Place> column_sums_;
};

}  // namespace sluice::backend
