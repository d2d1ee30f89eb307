#include "backend/codegen/second_factor.h"

namespace sluice::backend {

SecondFactor::SecondFactor(Frame& frame, Matrix matrix, const Type& product, Dim depth, std::int64_t panel_columns)
    : frame_(frame),
      e_(frame.e),
      matrix_(std::move(matrix)),
      element_(e_.memory_type(product.dtype)),
      lanes_(e_.target.lanes(static_cast<int>(size_of(product.dtype)))),
      depth_(depth),
      columns_(product.shape[1]),
      panel_columns_(panel_columns),
      packed_(frame.in_scratch(frame.plan.parts.panel)) {
  if (!frame.plan.packs) return;
  packer_.emplace(e_, product.dtype,
                  PanelPacker::Source{matrix_.transposed, depth, columns_, matrix_.stride(),
                                      [this](llvm::Value* column) { return in_memory(column); }},
                  panel_columns);
}

Panel SecondFactor::in_memory(llvm::Value* column) {
  const Place& place = matrix_.place;
  if (place.layout.dense()) return {e_.element(element_, place.pointer, column), e_.size(matrix_.stride())};
  const PanelStart start = frame_.elements.panel_of(place.layout, matrix_.shape, column);
  return {e_.element(element_, place.pointer, e_.b.CreateAdd(start.offset, column)), start.width};
}

/// One panel is made while the one before it is read.
llvm::Value* SecondFactor::packed(llvm::Value* panel) {
  if (!ahead_) return packed_;
  const ProductScratch& parts = frame_.plan.parts;
  llvm::ConstantInt* const between = e_.i64(parts.next_panel.fixed - parts.panel.fixed);
  return e_.element(e_.b.getInt8Ty(), packed_, e_.b.CreateMul(e_.b.CreateAnd(panel, e_.i64(1)), between));
}

Panel SecondFactor::panel(llvm::Value* column, llvm::Value* count) {
  if (!packer_) return in_memory(column);
  llvm::Value* const to = packed(e_.b.CreateUDiv(column, e_.i64(panel_columns_)));
  if (!ahead_ && in_batch_ && packer_->is_small(count)) {
    packer_->pack_small(column, count, to);
  } else if (!ahead_) {
    packer_->pack(column, to);
  }
  return {to, e_.i64(panel_columns_)};
}

void SecondFactor::share_next(llvm::Value* panel, llvm::Value* end, llvm::Value* tiles, llvm::Value* turns) {
  auto& b = e_.b;
  llvm::Value* const after = b.CreateAdd(panel, e_.i64(1));
  next_.column = b.CreateMul(after, e_.i64(panel_columns_));
  next_.to = packed(after);
  next_.strips = b.CreateSelect(b.CreateICmpSLT(after, end), packer_->strips(), e_.i64(0));
  const auto parts = [&](llvm::Value* of, llvm::Value* each) {
    return b.CreateUDiv(b.CreateAdd(of, b.CreateSub(each, e_.i64(1))), each);
  };
  tiles = e_.max(tiles, e_.i64(1));
  // The last tiles do it, lest what is packed leaves the second cache before it is read.
  next_.share = e_.max(parts(next_.strips, tiles), b.CreateUDiv(turns, e_.i64(kTurns)));
  next_.first_tile = b.CreateSub(tiles, parts(next_.strips, next_.share));
}

/// The first strip of the `tile`th of the tiles that share the packing.
llvm::Value* SecondFactor::strip_of(llvm::Value* tile) {
  llvm::Value* const before = e_.max(e_.b.CreateSub(tile, next_.first_tile), e_.i64(0));
  return e_.min(e_.b.CreateMul(before, next_.share), next_.strips);
}

Emitter::Values SecondFactor::pack_share(llvm::Value* tile, const Values& start, llvm::Value* turns,
                                         const std::function<Values(const Values&, llvm::Value*)>& chain) {
  auto& b = e_.b;
  llvm::Value* const first = strip_of(tile);
  llvm::Value* const last = strip_of(b.CreateAdd(tile, e_.i64(1)));
  llvm::Value* const pause = b.CreateUDiv(turns, next_.share);
  const Values state = e_.loop(first, last, 1, start, [&](llvm::Value* strip, const Values& now) {
    packer_->pack_strip(next_.column, strip, next_.to);
    return chain(now, pause);
  });
  return chain(state, b.CreateSub(turns, b.CreateMul(b.CreateSub(last, first), pause)));
}

void SecondFactor::pack_rest(llvm::Value* tiles) {
  packer_->pack_strips(next_.column, strip_of(tiles), next_.strips, next_.to);
}

}  // namespace sluice::backend
