#pragma once

#include <optional>
#include <vector>

#include "backend/codegen/kernels.h"

namespace sluice::backend {

/// What a product's epilogue touches and computes. It asks for the memory that the epilogue will touch in a tile, such
/// as an optimizer's state, so that it arrives while the product is computed.
class Epilogue {
 public:
  /// `columns`: how wide a panel of the result is.
  Epilogue(Frame& frame, const ir::Node& product, std::int64_t columns);

  /// How many matrices of the result's shape the epilogue reads.
  std::size_t matrices_read() const { return read_.size(); }

  /// Whether it is short enough to stand in the code once for each accumulator of a tile.
  bool is_short() const;

  /// Whether the sums of the second factor's columns are a result, too (a bias's gradient beside the weight's).
  bool has_column_sums() const { return column_sums_.has_value(); }
  /// Stores them for the `count` columns from `column` on: a vector for each vector of the panel's rows.
  void store_column_sums(const Emitter::Values& sums, llvm::Value* column, llvm::Value* count);

  /// The rows of the matrix that follows begin at row `first_row` of all matrices of a batch.
  void begin_matrix(llvm::Value* first_row) { first_row_ = first_row; }
  /// Opens code for the result's panel that begins at column `column`: finds once where the matrices that lie in panels
  /// have it, each by its own layout.
  void begin_panel(llvm::Value* column);

  /// Asks for a row of the tile whose first column is `column`, and of all its rows.
  void prefetch_row(llvm::Value* row, llvm::Value* column);
  void prefetch_tile(llvm::Value* first_row, std::int64_t rows, llvm::Value* column);

 private:
  /// A matrix of the result's shape.
  struct Touched {
    Place place;
    DType dtype;
  };

  bool in_panels(const Place& place) const;
  PanelStart panel_of(const Place& place);

  Frame& frame_;
  Emitter& e_;
  Shape shape_;
  std::int64_t columns_;
  llvm::Value* first_row_ = nullptr;  ///< nullptr: 0
  std::vector<Touched> read_;
  std::vector<Touched> written_;
  std::optional<Place> column_sums_;
};

}  // namespace sluice::backend
