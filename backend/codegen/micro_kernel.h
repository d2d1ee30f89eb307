#pragma once

#include <optional>

#include "backend/codegen/batch_prefetch.h"
#include "backend/codegen/nonzero_lists.h"
#include "backend/codegen/product_context.h"
#include "backend/codegen/product_tile.h"
#include "backend/codegen/second_factor.h"

namespace sluice::backend {

/// The steps of K that tiles take: all of them, or a block.
struct Steps {
  llvm::Value* first;
  llvm::Value* count;
  llvm::Value* has_sums = nullptr;  ///< of steps in blocks: 1 if sums of the blocks before are in scratch, else 0
};

/// The row tiles first <= t < last of a panel of the result, and what they read.
struct PanelTiles {
  const Matrices& matrices;
  Columns columns;
  llvm::Value* first;
  llvm::Value* last;
  Panel rhs;  ///< from the first of `steps` on
  Steps steps;
  const SecondFactor::Next* next = nullptr;           ///< the panel that is packed meanwhile, if one is
  std::optional<BatchPrefetch::Panel> prefetch = {};  ///< of small matrices
};

/// Computes tiles of a product: over all steps of K, or over those that lists of nonzeros name.
class MicroKernel {
 public:
  using Values = Emitter::Values;
  using Positions = NonzeroLists::Positions;

  /// `lists`: nullptr for all steps. `sums`: where accumulators wait from block to block of K; nullptr for one block.
  MicroKernel(const ProductContext& product, const NonzeroLists* lists, llvm::Value* sums, bool prefetches_batch);

  /// The code of a tile, for what works on its accumulators.
  const ProductTile& code() const { return code_; }
  bool has_lists() const { return lists_ != nullptr; }

  /// Adds up the steps of K of tile `t` and stores the accumulators to `out`, as rows of a panel's columns.
  void store_tile(const PanelTiles& panel, llvm::Value* t, llvm::Value* out) const;
  /// The same for a block of K: stores the accumulators to where the next block takes them up.
  void store_partial_sums(const PanelTiles& panel, llvm::Value* t) const;

  /// The steps that tile `t` takes.
  Positions positions_of(const PanelTiles& panel, llvm::Value* t) const;
  /// Returns the start of a tile of `rows` rows whose first one is `row`. Packs its windows, if the lhs are windows.
  TileStart start_of(const PanelTiles& panel, llvm::Value* row, std::int64_t rows, const Positions& positions) const;

  /// Begins a panel, or a block of its steps: nothing is known of the rhs.
  void forget() const;
  /// Notes what the sums of tile `t` in scratch say of the rhs, if it is the first tile.
  void note_first(const PanelTiles& panel, llvm::Value* t, llvm::Value* sums) const;

 private:
  const ProductContext& product_;
  Emitter& e_;
  const NonzeroLists* lists_;
  llvm::Value* sums_;
  ProductTile code_;
};

}  // namespace sluice::backend
