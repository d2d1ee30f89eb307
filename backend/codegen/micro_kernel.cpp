#include "backend/codegen/micro_kernel.h"

namespace sluice::backend {

MicroKernel::MicroKernel(const ProductContext& product, const NonzeroLists* lists, llvm::Value* sums,
                         bool prefetches_batch)
    : product_(product),
      e_(product.e),
      lists_(lists),
      sums_(sums),
      code_(product.e, product.dtype(), product.lhs.transposed, product.lhs.stride(), product.tile.depth_block > 0,
            lists != nullptr, product.panel_columns(), prefetches_batch) {}

void MicroKernel::store_tile(const PanelTiles& panel, llvm::Value* t, llvm::Value* out) const {
  llvm::Value* const row = product_.first_row_of(t);
  const Positions positions = positions_of(panel, t);
  product_.for_pieces(row, [&](llvm::Value* r, std::int64_t rows) {
    llvm::Value* const to = e_.element(product_.element, out, e_.mul(r, e_.i64(product_.panel_columns())));
    code_.call(rows, panel.columns.lanes, start_of(panel, e_.add(row, r), rows, positions), positions.count, to);
    if (rows == product_.tile.rows) note_first(panel, t, to);
  });
}

void MicroKernel::store_partial_sums(const PanelTiles& panel, llvm::Value* t) const {
  store_tile(panel, t, e_.element(product_.element, sums_, e_.b.CreateMul(t, product_.tile_elements())));
}

MicroKernel::Positions MicroKernel::positions_of(const PanelTiles& panel, llvm::Value* t) const {
  const Steps& steps = panel.steps;
  return lists_ != nullptr ? lists_->of(t, steps.first, steps.count) : Positions{nullptr, steps.count};
}

TileStart MicroKernel::start_of(const PanelTiles& panel, llvm::Value* row, std::int64_t rows,
                                const Positions& positions) const {
  auto& b = e_.b;
  if (product_.lhs_windows) {
    llvm::Value* const to = product_.lhs.place.pointer;
    product_.lhs_windows->pack(product_.frame.operands[product_.plan.lhs].pointer, row, e_.i64(rows), to);
    return {to, panel.rhs, positions.list};
  }
  llvm::Value* const stride = e_.size(product_.lhs.stride());
  llvm::Value* const first = panel.steps.first;
  llvm::Value* const a =
      product_.lhs.transposed ? b.CreateAdd(e_.mul(first, stride), row) : b.CreateAdd(b.CreateMul(row, stride), first);
  TileStart start{e_.element(product_.element, panel.matrices.lhs, a), panel.rhs, positions.list};
  if (sums_ == nullptr) return start;
  start.sums = e_.element(product_.element, sums_, b.CreateMul(row, e_.i64(product_.panel_columns())));
  start.has_sums = panel.steps.has_sums;
  return start;
}

void MicroKernel::forget() const {
  if (lists_ != nullptr) lists_->forget();
}

void MicroKernel::note_first(const PanelTiles& panel, llvm::Value* t, llvm::Value* sums) const {
  if (lists_ == nullptr) return;
  e_.if_then(e_.b.CreateICmpEQ(t, panel.first),
             [&] { lists_->note(code_.is_finite(sums, product_.tile.rows, panel.columns.lanes)); });
}

}  // namespace sluice::backend
