#pragma once

#include <optional>

#include "backend/codegen/kernels.h"
#include "backend/codegen/panel_packer.h"

namespace sluice::backend {

/// A factor of a product in memory.
struct Matrix {
  Place place;
  Shape shape;
  bool transposed;  ///< the rows of memory are the columns of the factor

  /// Between rows of memory, where each is one piece.
  Dim stride() const { return place.layout.dense() ? shape[1] : Dim(place.layout.last); }
  bool one_piece() const { return place.layout.dense() || place.layout.one_panel(shape[1].size); }
};

/// The second factor of a product as the panels that its tiles read: where it lies, or packed in scratch. The thread
/// that packs may do so ahead: between the multiply-adds of a panel's tiles it packs strips of the next panel, which
/// so costs little, as neither the memory that it comes from nor the ports that shuffle are busy with products.
class SecondFactor {
 public:
  using Values = Emitter::Values;

  /// `product` is the type of the result, `depth` its inner size.
  SecondFactor(Frame& frame, Matrix matrix, const Type& product, Dim depth, std::int64_t panel_columns);

  /// Another matrix of the same shape begins at `pointer`.
  void begin_matrix(llvm::Value* pointer) {
    matrix_.place.pointer = pointer;
    in_batch_ = true;
  }
  llvm::Value* start() const { return matrix_.place.pointer; }

  /// Whether packing ahead pays, if the tiles allow it; and that it is to be done.
  bool can_pack_ahead() const {
    return matrix_.transposed && depth_.size >= kLeastDepth && !columns_.batch && columns_.size > panel_columns_;
  }
  void pack_ahead() { ahead_ = true; }
  bool packs_ahead() const { return ahead_; }

  /// The panel of `count` columns whose first one is `column`, packed if it must be and is not.
  Panel panel(llvm::Value* column, llvm::Value* count);

  /// Tells that `tiles` tiles of `turns` inner positions of panel `panel` share the packing of the one behind it,
  /// unless that is `end`. If there are none, pack_rest(0) packs all of it.
  void share_next(llvm::Value* panel, llvm::Value* end, llvm::Value* tiles, llvm::Value* turns);
  /// Packs the share of the `tile`th of them, and gives `start` after all its `turns`, of which it may have fewer than
  /// others: `chain` takes some of them.
  Values pack_share(llvm::Value* tile, const Values& start, llvm::Value* turns,
                    const std::function<Values(const Values&, llvm::Value* turns)>& chain);
  /// Packs what `tiles` tiles have left of the next panel.
  void pack_rest(llvm::Value* tiles);

 private:
  static constexpr std::int64_t kLeastDepth = 64;  // shorter chains hide nothing
  static constexpr std::int64_t kTurns = 20;       // hide a strip

  /// The panel that is packed while the tiles of the one before it are computed.
  struct Next {
    llvm::Value* column;  ///< its first
    llvm::Value* to;
    llvm::Value* strips;      ///< it has so many
    llvm::Value* share;       ///< of one tile
    llvm::Value* first_tile;  ///< that has one
  };

  /// Where the factor's columns from `column` on begin, in the memory's row 0.
  Panel in_memory(llvm::Value* column);
  llvm::Value* strip_of(llvm::Value* tile);
  llvm::Value* packed(llvm::Value* panel);

  Frame& frame_;
  Emitter& e_;
  Matrix matrix_;
  llvm::Type* element_;
  int lanes_;
  Dim depth_, columns_;
  std::int64_t panel_columns_;
  llvm::Value* packed_;  ///< the first of two places for packed panels
  std::optional<PanelPacker> packer_;
  bool ahead_ = false;
  bool in_batch_ = false;
  Next next_{};
};

}  // namespace sluice::backend
