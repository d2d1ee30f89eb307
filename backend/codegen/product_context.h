#pragma once

#include <functional>
#include <optional>

#include "backend/codegen/kernels.h"
#include "backend/codegen/product_tile.h"
#include "backend/codegen/window_packer.h"
#include "ir/matmul.h"

namespace sluice::backend {

/// An operand of a product in memory.
struct Matrix {
  Place place;
  Shape shape;
  bool transposed;  ///< the rows of memory are the columns of the operand

  /// Between rows of memory, where each is one piece.
  Dim stride() const { return place.layout.dense() ? shape[1] : Dim(place.layout.last); }
  bool one_piece() const { return place.layout.dense() || place.layout.one_panel(shape[1].size); }
};

/// The matrices whose product is computed: one pair of a batch, or the only one.
struct Matrices {
  llvm::Value* lhs;
  llvm::Value* rhs;                  ///< nullptr: computed
  Index batch_index = {};            ///< of the result, along the batch axes
  llvm::Value* first_row = nullptr;  ///< of the result, counted over all matrices; nullptr: 0
};

/// The columns of a panel of the result.
struct Columns {
  llvm::Value* first;
  llvm::Value* count;
  Lanes lanes;  ///< of the vectors that hold them
};

/// A product that is being emitted: its operands, its sizes, and how its plan cuts it up. Nothing in it changes while
/// code is emitted; what does is passed as values (Matrices, Columns, codegen/micro_kernel.h).
struct ProductContext {
  explicit ProductContext(Frame& kernel);

  Frame& frame;
  Emitter& e;
  const ProductKernel& plan;
  const ir::Node& node;
  ir::MatmulSizes sizes;
  Matrix lhs;                               ///< of windows: the rows of one tile in scratch
  std::optional<WindowPacker> lhs_windows;  ///< that each tile packs
  Matrix rhs;                               ///< without a place in memory if the kernel computes it
  bool computes_rhs;                        ///< while it packs panels, or packs windows
  Tile tile;
  llvm::Type* element;
  int bytes;                                ///< of an element
  int lanes;                                ///< of a vector
  std::optional<WindowPacker> rhs_windows;  ///< that are packed for each panel and block of K

  DType dtype() const { return node.types[0].dtype; }
  bool has_batch() const { return sizes.batch.rank() > 0; }
  std::int64_t panel_columns() const { return tile.vectors * lanes; }
  Lanes whole_lanes() const { return {std::vector<int>(static_cast<std::size_t>(tile.vectors), lanes)}; }
  /// The vectors of a panel of `columns` columns.
  Lanes lanes_for(std::int64_t columns) const;

  llvm::Value* first_row_of(llvm::Value* t) const { return e.b.CreateMul(t, e.i64(tile.rows)); }
  /// Returns the number of rows of the tile that begins at row `row`.
  llvm::Value* rows_of(llvm::Value* row) const;
  /// Returns the end of those of the row tiles first <= t < last that are whole.
  llvm::Value* whole_tiles(llvm::Value* first, llvm::Value* last) const;
  /// Emits code for the tile that begins at row `row`: all of it at once, or its rows if it is the last and not whole;
  /// row by row if only B says how many they are. `emit` gets the first row within the tile and the number of rows.
  void for_pieces(llvm::Value* row, const std::function<void(llvm::Value*, std::int64_t)>& emit) const;

  llvm::ConstantInt* tile_elements() const { return e.i64(tile.rows * panel_columns()); }
  /// Returns the scratch of tile `t`, of two that tiles take alternately.
  llvm::Value* tile_scratch(llvm::Value* t) const;

  /// Opens code for the `lanes_now` columns behind the first `before` ones of a panel of known width; returns them.
  Coordinate begin_vector(const Columns& columns, llvm::Value* before, int lanes_now) const;
  /// Runs the epilogue on the elements at `row` and `column` of the result and stores what it computes. `product`
  /// returns the sums of the product there, as a vector.
  void store_results_at(const Matrices& at, const Coordinate& row, const Coordinate& column,
                        const std::function<llvm::Value*(const Coordinate& column)>& product) const;
};

}  // namespace sluice::backend
