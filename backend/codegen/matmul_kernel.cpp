#include <cstdint>
#include <functional>
#include <memory>
#include <optional>

#include "backend/codegen/tile_store.h"

namespace sluice::backend {

namespace {

/// Prefetches for a batch whose matrices are in memory, have a static size and are not taken in blocks of K.
std::optional<BatchPrefetch> batch_prefetch(const ProductContext& product) {
  const auto& [batch, m, n, k] = product.sizes;
  if (product.computes_rhs) return {};
  if (batch.rank() == 0 || m.batch || n.batch || k.batch || k.size == 0 || product.tile.depth_block > 0) return {};
  return BatchPrefetch(product.e, product.element,
                       {.m = m.size,
                        .n = n.size,
                        .k = k.size,
                        .tile = product.tile,
                        .panel_columns = product.panel_columns(),
                        .element_bytes = product.bytes,
                        .lhs_by_columns = product.lhs.transposed,
                        .rhs_transposed = product.rhs.transposed});
}

/// Lists of the lhs's elements that are not 0, if the product skips those that are.
std::optional<NonzeroLists> nonzero_lists(const ProductContext& product) {
  if (!product.plan.skips_zeros) return {};
  const ProductScratch& scratch = product.plan.scratch;
  return NonzeroLists(product.e, product.lhs, product.dtype(), product.sizes.m, product.sizes.k, product.tile,
                      product.frame.in_scratch(scratch.lists), scratch.list_bytes);
}

/// Emits one product and its epilogue. The result is cut into panels of columns that fit the register tile; a panel's
/// row tiles run over all of K. A large K is cut into blocks, whose part of the panel L1 and L2 hold: all tiles of a
/// panel take the first block, then all take the second; their sums wait in scratch. How tiles are stored is the
/// affair of a TileStore.
class Product {
 public:
  explicit Product(Frame& frame)
      : product_(frame),
        e_(frame.e),
        epilogue_(product_),
        prefetch_(batch_prefetch(product_)),
        rhs_(product_),
        all_steps_{e_.i64(0), e_.size(product_.sizes.k)},
        sums_(product_.tile.depth_block > 0 ? frame.in_scratch(product_.plan.scratch.sums) : nullptr),
        lists_(nonzero_lists(product_)),
        store_(make_store()) {}

  void emit() const {
    auto& b = e_.b;
    const Frame& frame = product_.frame;
    llvm::Value* const row_tiles = e_.blocks(product_.sizes.m, product_.tile.rows);
    const Matrices first_matrices{product_.lhs.place.pointer, product_.rhs.place.pointer};
    if (!product_.has_batch()) return emit_matrix(first_matrices, {frame.begin, frame.end, row_tiles});
    // Units are numbered matrix by matrix: a thread's share is a run of them, the first and last perhaps in part.
    llvm::Value* const units = e_.mul(e_.blocks(product_.sizes.n, product_.panel_columns()), row_tiles);
    llvm::Value* const first = b.CreateUDiv(frame.begin, units);
    llvm::Value* const last = b.CreateUDiv(b.CreateAdd(frame.end, b.CreateSub(units, e_.i64(1))), units);
    e_.loop(first, last, 1, [&](llvm::Value* matrix) {
      Matrices matrices = matrices_at(matrix, first_matrices);
      const auto prefetch = prefetch_matrix(matrices);
      matrices.batch_index = batch_index(matrix);
      llvm::Value* const unit = b.CreateMul(matrix, units);
      llvm::Value* const begin = e_.max(b.CreateSub(frame.begin, unit), e_.i64(0));
      llvm::Value* const end = e_.min(b.CreateSub(frame.end, unit), units);
      emit_matrix(matrices, {begin, end, row_tiles, prefetch});
    });
  }

 private:
  /// The units begin <= u < end of one matrix, numbered panel by panel, and what they prefetch.
  struct MatrixUnits {
    llvm::Value* begin;
    llvm::Value* end;
    llvm::Value* row_tiles;  ///< of a panel
    std::optional<BatchPrefetch::Matrix> prefetch = {};
  };

  std::unique_ptr<TileStore> make_store() const {
    switch (product_.plan.schedule) {
      case ProductSchedule::kInRegisters:
        return store_in_registers(product_, epilogue_, rhs_, prefetch_ ? &*prefetch_ : nullptr);
      case ProductSchedule::kOverlapped:
        return store_overlapped(product_, epilogue_);
      case ProductSchedule::kThroughScratch:
        break;
    }
    return store_through_scratch(product_, epilogue_);
  }

  MicroKernel micro_kernel(const NonzeroLists* lists) const { return {product_, lists, sums_, prefetch_.has_value()}; }

  /// Returns the addresses of the operands of matrix number `matrix` of the batch; `first` are those of number 0.
  Matrices matrices_at(llvm::Value* matrix, const Matrices& first) const {
    const auto at = [&](llvm::Value* start, Dim x, Dim y) {
      return e_.element(product_.element, start, e_.mul(matrix, e_.mul(e_.size(x), e_.size(y))));
    };
    const auto& [batch, m, n, k] = product_.sizes;
    Matrices matrices{at(first.lhs, m, k), product_.computes_rhs ? nullptr : at(first.rhs, k, n)};
    matrices.first_row = e_.mul(matrix, e_.size(m));
    return matrices;
  }

  std::optional<BatchPrefetch::Matrix> prefetch_matrix(const Matrices& matrices) const {
    if (!prefetch_) return {};
    return prefetch_->matrix(matrices.lhs, matrices.rhs);
  }

  /// The coordinates of matrix number `matrix` along the batch axes.
  Index batch_index(llvm::Value* matrix) const {
    const Shape& batch = product_.sizes.batch;
    Index index;
    for (int axis = batch.rank(); axis-- > 0;) {
      llvm::Value* const coordinate = axis == 0 ? matrix : e_.b.CreateURem(matrix, e_.size(batch[axis]));
      if (axis > 0) matrix = e_.b.CreateUDiv(matrix, e_.size(batch[axis]));
      index.insert(index.begin(), {coordinate, false, nullptr, Level::kRow});
    }
    return index;
  }

  void emit_matrix(const Matrices& matrices, const MatrixUnits& units) const {
    auto& b = e_.b;
    // A thread's share is a run of panels, the first and last perhaps in part.
    llvm::Value* const row_tiles = units.row_tiles;
    llvm::Value* const first = b.CreateUDiv(units.begin, row_tiles);
    llvm::Value* const last = b.CreateUDiv(b.CreateAdd(units.end, b.CreateSub(row_tiles, e_.i64(1))), row_tiles);
    e_.if_then(b.CreateICmpSLT(units.begin, units.end), [&] {
      if (lists_) lists_->build(units.begin, units.end, first, last, row_tiles);
      const auto emit_all = [&](const NonzeroLists* lists) {
        emit_panels(micro_kernel(lists), matrices, units, first, last);
      };
      // Checking for absent lists costs short tiles (weight gradients) 1%, so they get code without the check.
      if (!lists_ || product_.plan.schedule != ProductSchedule::kInRegisters || !product_.lhs.transposed)
        return emit_all(lists_ ? &*lists_ : nullptr);
      e_.if_else(
          lists_->are_worth(), [&] { emit_all(&*lists_); }, [&] { emit_all(nullptr); });
    });
  }

  /// The panels first <= p < last.
  void emit_panels(const MicroKernel& kernel, const Matrices& matrices, const MatrixUnits& units, llvm::Value* first,
                   llvm::Value* last) const {
    auto& b = e_.b;
    // The iteration before the first panel has no tiles: it packs that panel, as the others pack the one behind them.
    llvm::Value* const begin = rhs_.packs_ahead() ? b.CreateSub(first, e_.i64(1)) : first;
    e_.loop(begin, last, 1, [&](llvm::Value* panel) {
      llvm::Value* const unit = b.CreateMul(panel, units.row_tiles);
      llvm::Value* const first_tile = e_.max(b.CreateSub(units.begin, unit), e_.i64(0));
      llvm::Value* const last_tile = e_.min(b.CreateSub(units.end, unit), units.row_tiles);
      std::optional<SecondFactor::Next> next;
      if (rhs_.packs_ahead())
        next = rhs_.share_next(matrices.rhs, panel, last, b.CreateSub(last_tile, first_tile), all_steps_.count);
      for_panel_widths(panel, [&](const Columns& columns) {
        emit_panel(kernel,
                   {.matrices = matrices,
                    .columns = columns,
                    .first = first_tile,
                    .last = last_tile,
                    .rhs = rhs_.panel(matrices, columns.first, columns.count),
                    .steps = all_steps_,
                    .next = next ? &*next : nullptr},
                   units.prefetch);
      });
    });
  }

  /// Emits code for the columns of panel number `panel`: for each width that panels have, if those are known.
  void for_panel_widths(llvm::Value* panel, const std::function<void(const Columns&)>& emit) const {
    auto& b = e_.b;
    const Dim all = product_.sizes.n;
    const std::int64_t most = product_.panel_columns();
    llvm::Value* const column = b.CreateMul(panel, e_.i64(most));
    if (all.batch)
      return emit({column, e_.min(b.CreateSub(e_.size(all), column), e_.i64(most)), product_.whole_lanes()});
    const std::int64_t whole = all.size / most;
    const std::int64_t rest = all.size % most;
    const auto emit_whole = [&] { emit({column, e_.i64(most), product_.whole_lanes()}); };
    const auto emit_rest = [&] { emit({column, e_.i64(rest), product_.lanes_for(rest)}); };
    if (rest == 0) return emit_whole();
    if (whole == 0) return emit_rest();
    e_.if_else(b.CreateICmpSLT(panel, e_.i64(whole)), emit_whole, emit_rest);
  }

  void emit_panel(const MicroKernel& kernel, PanelTiles panel,
                  const std::optional<BatchPrefetch::Matrix>& prefetch) const {
    epilogue_.begin_panel(panel.columns.first);
    if (prefetch) panel.prefetch = prefetch_->panel(*prefetch, panel.columns.first);
    emit_column_sums(kernel, panel);
    const PanelTiles rest = sums_ == nullptr ? panel : emit_blocks(kernel, panel);
    kernel.forget();
    store_->emit(kernel, rest);
  }

  /// Adds up all blocks of K but the last and returns the tiles over that one.
  PanelTiles emit_blocks(const MicroKernel& kernel, const PanelTiles& panel) const {
    auto& b = e_.b;
    const std::int64_t block = product_.tile.depth_block;
    llvm::Value* steps = b.CreateSub(e_.size(product_.sizes.k), e_.i64(1));
    if (!product_.sizes.k.always_at_least(1)) steps = e_.max(steps, e_.i64(0));  // K may be 0
    llvm::Value* const last = b.CreateUDiv(steps, e_.i64(block));
    e_.loop(e_.i64(0), last, 1, [&](llvm::Value* i) {
      const PanelTiles part = at_block(panel, i, false);
      kernel.forget();
      e_.loop(panel.first, panel.last, 1, [&](llvm::Value* t) { kernel.store_partial_sums(part, t); });
    });
    return at_block(panel, last, true);
  }

  /// The thread that takes the panel's first tile adds up the panel's columns.
  void emit_column_sums(const MicroKernel& kernel, const PanelTiles& panel) const {
    if (!epilogue_.has_column_sums()) return;
    const Columns& columns = panel.columns;
    e_.if_then(e_.b.CreateICmpEQ(panel.first, e_.i64(0)), [&] {
      const Emitter::Values sums = kernel.code().column_sums(panel.rhs, product_.sizes.k, columns.lanes);
      epilogue_.store_column_sums(sums, columns.first, columns.count);
    });
  }

  /// The tiles of `panel` over block number `block` of K, of which the last need not be whole.
  PanelTiles at_block(PanelTiles panel, llvm::Value* block, bool is_last) const {
    auto& b = e_.b;
    llvm::Value* const size = e_.i64(product_.tile.depth_block);
    llvm::Value* const first = b.CreateMul(block, size);
    llvm::Value* const has_sums = e_.min(block, e_.i64(1));
    panel.steps = {first, is_last ? b.CreateSub(e_.size(product_.sizes.k), first) : size, has_sums};
    panel.rhs = rhs_.at_block(panel.rhs, panel.columns, first, panel.steps.count);
    return panel;
  }

  const ProductContext product_;
  Emitter& e_;
  const Epilogue epilogue_;
  const std::optional<BatchPrefetch> prefetch_;
  const SecondFactor rhs_;
  const Steps all_steps_;
  llvm::Value* const sums_;                  ///< of blocks of K before the current one; nullptr: there is one block
  const std::optional<NonzeroLists> lists_;  ///< if it skips zeros of the lhs
  const std::unique_ptr<TileStore> store_;
};

}  // namespace

void emit_matmul(Frame& frame) { Product(frame).emit(); }

}  // namespace sluice::backend
