#include "backend/codegen/rhs_packer.h"

#include <algorithm>

#include "backend/codegen/panel_packer.h"

namespace sluice::backend {

RhsPacker::RhsPacker(const ProductContext& product)
    : product_(product), e_(product.e), strip_(16 / product.bytes), align_(static_cast<std::uint64_t>(product.bytes)) {}

void RhsPacker::pack(const Index& batch_index, llvm::Value* column, llvm::Value* count, llvm::Value* to) const {
  product_.frame.elements.begin_panel(column);
  if (product_.rhs.transposed) return pack_strips(batch_index, column, to);
  pack_rows(batch_index, column, count, to);
}

llvm::Value* RhsPacker::element_at(Index index, const Coordinate& row, const Coordinate& column) const {
  index.insert(index.end(), {row, column});
  return product_.frame.elements.vector_at(product_.node.operands[1], index);
}

void RhsPacker::pack_rows(const Index& batch_index, llvm::Value* column, llvm::Value* count, llvm::Value* to) const {
  auto& b = e_.b;
  Elements& elements = product_.frame.elements;
  const int lanes = product_.lanes;
  const auto* const known = llvm::dyn_cast<llvm::ConstantInt>(count);
  const std::int64_t columns = known != nullptr ? known->getSExtValue() : product_.panel_columns();
  e_.loop(e_.i64(0), e_.size(product_.sizes.k), 1, [&](llvm::Value* k) {
    elements.begin_row(e_.preheader("row"));
    llvm::Value* const row = e_.element(product_.element, to, b.CreateMul(k, e_.i64(product_.panel_columns())));
    for (std::int64_t first = 0; first < columns; first += lanes) {
      llvm::Value* const left = e_.min(e_.max(b.CreateSub(count, e_.i64(first)), e_.i64(0)), e_.i64(lanes));
      const bool whole = known != nullptr && first + lanes <= columns;
      elements.begin_vector(lanes, whole ? nullptr : e_.first_lanes(left, lanes));
      llvm::Value* const element = element_at(batch_index, {k, false, nullptr, Level::kRow},
                                              {b.CreateAdd(column, e_.i64(first)), true, nullptr, Level::kVector});
      b.CreateAlignedStore(element, e_.element(product_.element, row, e_.i64(first)), align_);
    }
  });
}

/// The rhs has a row for each of its columns: computes strips of K of a vector's columns, as PanelPacker loads them.
void RhsPacker::pack_strips(const Index& batch_index, llvm::Value* column, llvm::Value* to) const {
  auto& b = e_.b;
  Elements& elements = product_.frame.elements;
  const Dim depth = product_.sizes.k;
  const Dim columns = product_.sizes.n;
  const int lanes = product_.lanes;
  const std::int64_t most = product_.panel_columns() / lanes;
  const std::int64_t vectors = columns.batch ? most : std::min(most, (columns.size + lanes - 1) / lanes);
  llvm::Value* const in_vector = e_.blocks(depth, strip_);
  e_.loop(e_.i64(0), b.CreateMul(in_vector, e_.i64(vectors)), 1, [&](llvm::Value* strip) {
    elements.begin_row(e_.preheader("row"));
    llvm::Value* const k = b.CreateMul(b.CreateURem(strip, in_vector), e_.i64(strip_));
    llvm::Value* const offset = b.CreateMul(b.CreateUDiv(strip, in_vector), e_.i64(lanes));
    llvm::Value* const first = b.CreateAdd(column, offset);
    llvm::Value* const last = b.CreateSub(e_.size(columns), e_.i64(1));
    const bool whole = !depth.batch && depth.size % strip_ == 0;
    llvm::Value* const left = e_.min(b.CreateSub(e_.size(depth), k), e_.i64(strip_));
    elements.begin_vector(strip_, whole ? nullptr : e_.first_lanes(left, strip_));
    const Emitter::Values turned = transpose_strip(e_, lanes, strip_, [&](int r) {
      // Lanes past the last column are undefined: they repeat it.
      llvm::Value* const row = e_.min(b.CreateAdd(first, e_.i64(r)), last);
      return element_at(batch_index, {row, false, nullptr, Level::kVector}, {k, true, nullptr, Level::kVector});
    });
    for (int i = 0; i < strip_; ++i) {
      llvm::Value* const step = b.CreateMul(b.CreateAdd(k, e_.i64(i)), e_.i64(product_.panel_columns()));
      b.CreateAlignedStore(turned[static_cast<std::size_t>(i)],
                           e_.element(product_.element, to, b.CreateAdd(step, offset)), align_);
    }
  });
}

}  // namespace sluice::backend
