#include "backend/codegen/second_factor.h"

namespace sluice::backend {

SecondFactor::SecondFactor(const ProductContext& product)
    : product_(product),
      e_(product.e),
      panel_columns_(product.panel_columns()),
      packed_(product.frame.in_scratch(product.plan.scratch.panel)) {
  if (product.rhs_windows) return;
  if (product.computes_rhs) {
    computed_.emplace(product);
    return;
  }
  if (!product.plan.packs()) return;
  const auto at = [this](llvm::Value* matrix, llvm::Value* column) { return in_memory(matrix, column); };
  packer_.emplace(
      e_, product.dtype(),
      PanelPacker::Source{product.rhs.transposed, product.sizes.k, product.sizes.n, product.rhs.stride(), at},
      panel_columns_);
}

Panel SecondFactor::in_memory(llvm::Value* matrix, llvm::Value* column) const {
  const Matrix& rhs = product_.rhs;
  const Layout& layout = rhs.place.layout;
  if (layout.dense()) return {e_.element(product_.element, matrix, column), e_.size(rhs.stride())};
  const PanelStart start = product_.frame.elements.panel_of(layout, rhs.shape, column);
  return {e_.element(product_.element, matrix, e_.b.CreateAdd(start.offset, column)), start.width};
}

/// One panel is made while the one before it is read.
llvm::Value* SecondFactor::packed(llvm::Value* panel) const {
  if (!packs_ahead()) return packed_;
  const ProductScratch& parts = product_.plan.scratch;
  llvm::Value* const between = e_.size(parts.next_panel - parts.panel);
  return e_.element(e_.b.getInt8Ty(), packed_, e_.b.CreateMul(e_.b.CreateAnd(panel, e_.i64(1)), between));
}

Panel SecondFactor::panel(const Matrices& matrices, llvm::Value* column, llvm::Value* count) const {
  if (computed_) {
    computed_->pack(matrices.batch_index, column, count, packed_);
    return {packed_, e_.i64(panel_columns_)};
  }
  if (product_.rhs_windows) return {packed_, e_.i64(panel_columns_)};
  llvm::Value* const matrix = matrices.rhs;
  if (!packer_) return in_memory(matrix, column);
  llvm::Value* const to = packed(e_.b.CreateUDiv(column, e_.i64(panel_columns_)));
  if (!packs_ahead() && product_.has_batch() && packer_->is_small(count)) {
    packer_->pack_small(matrix, column, count, to);
  } else if (!packs_ahead()) {
    packer_->pack(matrix, column, to);
  }
  return {to, e_.i64(panel_columns_)};
}

Panel SecondFactor::at_block(const Panel& panel, const Columns& columns, llvm::Value* first, llvm::Value* count) const {
  if (!product_.rhs_windows)
    return {e_.element(product_.element, panel.pointer, e_.b.CreateMul(first, panel.stride)), panel.stride};
  product_.rhs_windows->pack_columns(product_.frame.operands[product_.plan.rhs].pointer, {first, count},
                                     {columns.first, columns.count}, panel.pointer);
  return panel;
}

SecondFactor::Next SecondFactor::share_next(llvm::Value* matrix, llvm::Value* panel, llvm::Value* end,
                                            llvm::Value* tiles, llvm::Value* turns) const {
  auto& b = e_.b;
  Next next{};
  next.matrix = matrix;
  llvm::Value* const after = b.CreateAdd(panel, e_.i64(1));
  next.column = b.CreateMul(after, e_.i64(panel_columns_));
  next.to = packed(after);
  next.strips = b.CreateSelect(b.CreateICmpSLT(after, end), packer_->strips(), e_.i64(0));
  const auto parts = [&](llvm::Value* of, llvm::Value* each) {
    return b.CreateUDiv(b.CreateAdd(of, b.CreateSub(each, e_.i64(1))), each);
  };
  tiles = e_.max(tiles, e_.i64(1));
  // Only the last tiles pack, so the next panel is still in L2 when it is read.
  next.share = e_.max(parts(next.strips, tiles), b.CreateUDiv(turns, e_.i64(kTurns)));
  next.first_tile = b.CreateSub(tiles, parts(next.strips, next.share));
  return next;
}

/// The first strip of the `tile`th of the tiles that share the packing.
llvm::Value* SecondFactor::strip_of(const Next& next, llvm::Value* tile) const {
  llvm::Value* const before = e_.max(e_.b.CreateSub(tile, next.first_tile), e_.i64(0));
  return e_.min(e_.b.CreateMul(before, next.share), next.strips);
}

Emitter::Values SecondFactor::pack_share(const Next& next, llvm::Value* tile, const Values& start, llvm::Value* turns,
                                         const std::function<Values(const Values&, llvm::Value*)>& chain) const {
  auto& b = e_.b;
  llvm::Value* const first = strip_of(next, tile);
  llvm::Value* const last = strip_of(next, b.CreateAdd(tile, e_.i64(1)));
  llvm::Value* const pause = b.CreateUDiv(turns, next.share);
  const Values state = e_.loop(first, last, 1, start, [&](llvm::Value* strip, const Values& now) {
    packer_->pack_strip(next.matrix, next.column, strip, next.to);
    return chain(now, pause);
  });
  return chain(state, b.CreateSub(turns, b.CreateMul(b.CreateSub(last, first), pause)));
}

void SecondFactor::pack_rest(const Next& next, llvm::Value* tiles) const {
  packer_->pack_strips(next.matrix, next.column, strip_of(next, tiles), next.strips, next.to);
}

}  // namespace sluice::backend
