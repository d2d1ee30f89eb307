#include "backend/codegen/batch_prefetch.h"

#include <algorithm>

#include "backend/layout.h"

namespace sluice::backend {

namespace {

constexpr std::int64_t kLeastSteps = 8;  // of a part: shorter loops cost more than they smooth

std::int64_t share_of(std::int64_t count, std::int64_t parts) { return (count + parts - 1) / parts; }

}  // namespace

BatchPrefetch::BatchPrefetch(Emitter& emitter, llvm::Type* element, const Product& product)
    : e_(emitter), element_(element), product_(product) {
  const std::int64_t line = kLine / product.element_bytes;
  const std::int64_t tiles = share_of(product.m, product.tile.rows);
  const std::int64_t panels = share_of(product.n, product.panel_columns);
  const std::int64_t most_parts = std::max<std::int64_t>(1, product.k / kLeastSteps);
  parts_ = std::min(std::max(share_of(product.k, tiles), product.tile.rows), most_parts);
  panel_.rows = product.k;
  panel_.lines = product.panel_columns / line;
  panel_.apart = product.rhs_transposed ? panel_.lines * line : product.n;
  panel_.each = share_of(panel_.rows, tiles * parts_);
  if (!product.lhs_by_columns) return;
  lhs_.rows = share_of(product.m * product.k, line);
  lhs_.lines = 1;
  lhs_.apart = line;
  lhs_.each = share_of(lhs_.rows, panels * tiles * parts_);
}

BatchPrefetch::Matrix BatchPrefetch::matrix(llvm::Value* lhs, llvm::Value* rhs) const {
  return {rhs, e_.element(element_, lhs, e_.i64(product_.m * product_.k))};
}

BatchPrefetch::Panel BatchPrefetch::panel(const Matrix& matrix, llvm::Value* column) const {
  auto& b = e_.b;
  llvm::Value* const after = b.CreateAdd(column, e_.i64(product_.panel_columns));
  llvm::Value* const in_matrix = e_.mul(after, e_.i64(product_.rhs_transposed ? product_.k : 1));
  llvm::Value* const is_last = b.CreateICmpSGE(after, e_.i64(product_.n));
  llvm::Value* const next =
      e_.element(element_, matrix.rhs, b.CreateSelect(is_last, e_.i64(product_.k * product_.n), in_matrix));
  const std::int64_t tiles = share_of(product_.m, product_.tile.rows);
  llvm::Value* const number = b.CreateUDiv(column, e_.i64(product_.panel_columns));
  return {next, matrix.next_lhs, b.CreateMul(number, e_.i64(tiles * parts_))};
}

/// The rows of part `part`; past the last one, that again.
void BatchPrefetch::fetch(const Region& region, llvm::Value* start, llvm::Value* part) const {
  auto& b = e_.b;
  const std::int64_t line = kLine / product_.element_bytes;
  for (std::int64_t i = 0; i < region.each; ++i) {
    llvm::Value* const row = e_.min(b.CreateAdd(e_.mul(part, e_.i64(region.each)), e_.i64(i)), e_.i64(region.rows - 1));
    llvm::Value* const from = e_.element(element_, start, e_.mul(row, e_.i64(region.apart)));
    for (std::int64_t l = 0; l < region.lines; ++l)
      e_.prefetch(e_.element(element_, from, e_.i64(l * line)), Fetch::kReadLater);
  }
}

Emitter::Values BatchPrefetch::steps(const Panel& panel, const Values& start, llvm::Value* tile, std::int64_t rows,
                                     const std::function<Values(const Values&, llvm::Value*)>& chain,
                                     const std::function<void(llvm::Value* r)>& fetch_row) const {
  auto& b = e_.b;
  const std::int64_t in_part = product_.k / parts_;
  const std::int64_t rows_in_part = share_of(rows, parts_);
  llvm::Value* const first = e_.mul(tile, e_.i64(parts_));
  const Values state = e_.loop(e_.i64(0), e_.i64(parts_), 1, start, [&](llvm::Value* p, const Values& now) {
    llvm::Value* const part = b.CreateAdd(first, p);
    for (std::int64_t i = 0; i < rows_in_part; ++i)
      fetch_row(e_.min(b.CreateAdd(e_.mul(p, e_.i64(rows_in_part)), e_.i64(i)), e_.i64(rows - 1)));
    fetch(panel_, panel.next_rhs, part);
    fetch(lhs_, panel.next_lhs, b.CreateAdd(panel.first_part, part));
    return chain(now, e_.i64(in_part));
  });
  const std::int64_t left = product_.k - in_part * parts_;
  return left == 0 ? state : chain(state, e_.i64(left));
}

}  // namespace sluice::backend
