#pragma once

#include "backend/codegen/product_context.h"

namespace sluice::backend {

/// Lists, for each tile of a product, of the steps of K where the lhs is not 0 in one of its rows. All others add
/// nothing to its sums as long as the rhs is finite there, so the tile can skip them: images are mostly background, and
/// relu produces zeros.
///
/// The first tile of a panel takes all steps and so shows whether the panel of the rhs is finite: an infinity or a NaN
/// makes the sums of its column infinite or NaN, whatever it is multiplied by.
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

  /// Returns whether they leave out enough.
  llvm::Value* are_worth() const { return e_.b.CreateICmpNE(load_number(worth_), e_.i64(0)); }

  /// A panel, or a block of its positions, begins: nothing is known of it.
  void forget() const;
  /// 1 if its first tile's sums over all positions are finite, else 0.
  void note(llvm::Value* finite) const;

  /// The steps of K that a tile takes.
  struct Positions {
    llvm::Value* list;
    llvm::Value* count;
  };
  /// Returns those of the block of `turns` steps that begins at `lead`.
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

  /// The elements that a lister searches.
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
