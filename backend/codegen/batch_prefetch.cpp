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

void BatchPrefetch::begin_matrix(llvm::Value* lhs, llvm::Value* rhs) {
  lhs_start_ = lhs;
  rhs_start_ = rhs;
  lhs_.start = e_.element(element_, lhs, e_.i64(product_.m * product_.k));
}

void BatchPrefetch::begin_panel(llvm::Value* column) {
  auto& b = e_.b;
  llvm::Value* const after = b.CreateAdd(column, e_.i64(product_.panel_columns));
  llvm::Value* const in_matrix = e_.mul(after, e_.i64(product_.rhs_transposed ? product_.k : 1));
  llvm::Value* const is_last = b.CreateICmpSGE(after, e_.i64(product_.n));
  panel_.start = e_.element(element_, rhs_start_, b.CreateSelect(is_last, e_.i64(product_.k * product_.n), in_matrix));
  const std::int64_t tiles = share_of(product_.m, product_.tile.rows);
  first_part_of_panel_ = b.CreateMul(b.CreateUDiv(column, e_.i64(product_.panel_columns)), e_.i64(tiles * parts_));
}

/// The rows of part `part`; past the last one, that again.
void BatchPrefetch::fetch(const Region& region, llvm::Value* part) {
  auto& b = e_.b;
  const std::int64_t line = kLine / product_.element_bytes;
  for (std::int64_t i = 0; i < region.each; ++i) {
    llvm::Value* const row = e_.min(b.CreateAdd(e_.mul(part, e_.i64(region.each)), e_.i64(i)), e_.i64(region.rows - 1));
    llvm::Value* const from = e_.element(element_, region.start, e_.mul(row, e_.i64(region.apart)));
    for (std::int64_t l = 0; l < region.lines; ++l)
      e_.prefetch(e_.element(element_, from, e_.i64(l * line)), Fetch::kReadLater);
  }
}

Emitter::Values BatchPrefetch::steps(const Values& start, llvm::Value* tile, std::int64_t rows,
                                     const std::function<Values(const Values&, llvm::Value*)>& chain,
                                     const std::function<void(llvm::Value* r)>& fetch_row) {
  auto& b = e_.b;
  const std::int64_t in_part = product_.k / parts_;
  const std::int64_t rows_in_part = share_of(rows, parts_);
  llvm::Value* const first = e_.mul(tile, e_.i64(parts_));
  const Values state = e_.loop(e_.i64(0), e_.i64(parts_), 1, start, [&](llvm::Value* p, const Values& now) {
    llvm::Value* const part = b.CreateAdd(first, p);
    for (std::int64_t i = 0; i < rows_in_part; ++i)
      fetch_row(e_.min(b.CreateAdd(e_.mul(p, e_.i64(rows_in_part)), e_.i64(i)), e_.i64(rows - 1)));
    fetch(panel_, part);
    fetch(lhs_, b.CreateAdd(first_part_of_panel_, part));
    return chain(now, e_.i64(in_part));
  });
  const std::int64_t left = product_.k - in_part * parts_;
  return left == 0 ? state : chain(state, e_.i64(left));
}

}  // namespace sluice::backend
