#pragma once

#include <optional>

#include "backend/codegen/panel_packer.h"
#include "backend/codegen/product_context.h"
#include "backend/codegen/rhs_packer.h"

namespace sluice::backend {

/// The second factor of a product as the panels that its tiles read: where it lies, or packed in scratch. The thread
/// that packs may do so ahead: between the multiply-adds of a panel's tiles it packs strips of the next panel, which
/// so costs little, as neither the memory that it comes from nor the ports that shuffle are busy with products.
class SecondFactor {
 public:
  using Values = Emitter::Values;

  explicit SecondFactor(const ProductContext& product);

  /// Returns whether panels are packed while the tiles of the one before are computed.
  bool packs_ahead() const { return product_.plan.panels == RhsPanels::kPackedAhead; }

  /// The panel of `count` columns whose first one is `column`: packed if it must be and is not.
  Panel panel(const Matrices& matrices, llvm::Value* column, llvm::Value* count) const;

  /// Returns the rows of a panel from step `first` of K on, of which there are `count` in the block. Packs them, if
  /// they are windows.
  Panel at_block(const Panel& panel, const Columns& columns, llvm::Value* first, llvm::Value* count) const;

  /// The panel that is packed while the tiles of the one before it are computed.
  struct Next {
    llvm::Value* matrix;
    llvm::Value* column;  ///< its first
    llvm::Value* to;
    llvm::Value* strips;      ///< it has so many
    llvm::Value* share;       ///< of one tile
    llvm::Value* first_tile;  ///< that has one
  };
  /// Shares the packing of the panel behind `panel`, unless that is `end`, among `tiles` tiles of `turns` steps of K.
  /// If there are none, pack_rest(0) packs all of it.
  Next share_next(llvm::Value* matrix, llvm::Value* panel, llvm::Value* end, llvm::Value* tiles,
                  llvm::Value* turns) const;
  /// Packs the share of the `tile`th of them, and returns `start` after all its `turns`, of which it may have fewer
  /// than others: `chain` takes some of them.
  Values pack_share(const Next& next, llvm::Value* tile, const Values& start, llvm::Value* turns,
                    const std::function<Values(const Values&, llvm::Value* turns)>& chain) const;
  /// Packs what `tiles` tiles have left of the next panel.
  void pack_rest(const Next& next, llvm::Value* tiles) const;

 private:
  static constexpr std::int64_t kTurns = 20;  // hide a strip

  /// Returns the panel in place that starts at column `column`, in row 0 of the matrix at `matrix`.
  Panel in_memory(llvm::Value* matrix, llvm::Value* column) const;
  llvm::Value* strip_of(const Next& next, llvm::Value* tile) const;
  llvm::Value* packed(llvm::Value* panel) const;

  const ProductContext& product_;
  Emitter& e_;
  std::int64_t panel_columns_;
  llvm::Value* packed_;  ///< the first of two places for packed panels
  std::optional<PanelPacker> packer_;
  std::optional<RhsPacker> computed_;
};

}  // namespace sluice::backend
