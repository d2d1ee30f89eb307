#pragma once

#include "backend/codegen/product_context.h"

namespace sluice::backend {

/// For each tile of a product the inner positions where one of its rows has a first factor that is not 0. At all others
/// nothing is added to its sums as long as the second factor is finite there, so the tile need not go through them:
/// images are background for the most part, and relu leaves zeros, too.
///
/// Whether a panel of the second factor is finite shows in its first tile, which goes through all positions: an
/// infinity or a NaN makes the sums of its column infinite or NaN, whatever it is multiplied by.
///
/// Positions are taken in blocks, all tiles of a panel through one block after the other; there may be only one. In
/// memory: whether lists are to be used in the panel at hand, and whether they are worth it; a list of all positions of
/// a block; and a segment for each block of each tile: how many positions, and which, counted from the block's first.
class NonzeroLists {
 public:
  using Values = Emitter::Values;

  /// `memory`: the lists' part of scratch, of `list_bytes` each.
  NonzeroLists(Emitter& emitter, Matrix first_factor, DType dtype, Dim rows, Dim depth, const Tile& tile,
               llvm::Value* memory, std::int64_t list_bytes);

  /// Makes the lists of the tiles of the units begin <= u < end, unless the first one has nearly all positions. Units
  /// are numbered panel by panel, and lie in first_panel <= p < last_panel.
  void build(llvm::Value* begin, llvm::Value* end, llvm::Value* first_panel, llvm::Value* last_panel,
             llvm::Value* row_tiles) const;

  /// Whether they leave out enough.
  llvm::Value* are_worth() const { return e_.b.CreateICmpNE(load_number(worth_), e_.i64(0)); }

  /// A panel, or a block of its positions, begins: nothing is known of it.
  void forget() const;
  /// 1 if its first tile's sums over all positions are finite, else 0.
  void note(llvm::Value* finite) const;

  /// What a tile is to go through.
  struct Positions {
    llvm::Value* list;
    llvm::Value* count;
  };
  /// Of the block that begins at `lead` and has `turns` positions.
  Positions of(llvm::Value* tile, llvm::Value* lead, llvm::Value* turns) const;
  /// The position at the head of a list.
  static llvm::Value* first_of(Emitter& e, llvm::Value* list);
  static llvm::Value* behind_first(Emitter& e, llvm::Value* list) {
    return e.element(e.b.getInt16Ty(), list, e.i64(1));
  }

 private:
  llvm::Value* load_number(llvm::Value* from) const;
  void store_number(llvm::Value* number, llvm::Value* to) const;
  llvm::Value* segment(llvm::Value* tile, llvm::Value* lead) const;
  void build_segment(llvm::Value* tile, llvm::Value* lead) const;

  /// What a lister looks through.
  struct Rows {
    llvm::Value* a;
    llvm::Value* stride;
    llvm::Value* rows;
    llvm::Value* positions;
  };
  llvm::Function* lister() const;
  llvm::Value* bits_along_rows(const Rows& of, llvm::Value* first) const;
  llvm::Value* bits_down_columns(const Rows& of, llvm::Value* first) const;
  llvm::Value* append(llvm::Value* list, llvm::Value* count, llvm::Value* first, llvm::Value* bits) const;
  llvm::Value* load_magnitudes(llvm::Value* from, llvm::Value* mask, int lanes) const;

  Emitter& e_;
  Matrix a_;
  Dim rows_, depth_;
  std::int64_t tile_rows_;
  std::int64_t block_;  ///< positions, at most
  std::int64_t list_bytes_;
  llvm::Type* element_;
  llvm::Align align_;
  int lanes_;
  llvm::Value* skips_;
  llvm::Value* worth_;
  llvm::Value* all_;
  llvm::Value* segments_;
};

}  // namespace sluice::backend
