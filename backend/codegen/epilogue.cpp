#include "backend/codegen/epilogue.h"

#include <algorithm>

#include "sluice/error.h"

namespace sluice::backend {

Epilogue::Epilogue(const ProductContext& context)
    : frame_(context.frame), e_(context.e), shape_(context.node.types[0].shape), columns_(context.panel_columns()) {
  const Frame& frame = context.frame;
  const ir::Node& product = context.node;
  const ir::Graph& body = frame.body();
  const auto parameters = body.parameters();
  const std::vector<bool> rides = ir::rides_on_product(body, product);
  for (std::size_t p = 0; p < parameters.size(); ++p) {
    if (std::ranges::find(product.operands, parameters[p].value) != product.operands.end()) continue;
    if (!rides[parameters[p].value.node]) continue;
    if (body.type(parameters[p].value).shape == shape_)
      read_.push_back({frame.operands[p], body.type(parameters[p].value).dtype});
  }
  for (std::size_t r = 0; r < body.results().size(); ++r) {
    if (body.type(body.results()[r]).shape == shape_)
      written_.push_back({frame.results[r], body.type(body.results()[r]).dtype});
    if (body.node(body.results()[r]).op == ir::Op::kReduceSum) column_sums_ = frame.results[r];
  }
}

void Epilogue::store_column_sums(const Emitter::Values& sums, llvm::Value* column, llvm::Value* count) const {
  auto& b = e_.b;
  llvm::Value* offset = e_.i64(0);
  for (llvm::Value* sum : sums) {
    const auto* const type = llvm::cast<llvm::VectorType>(sum->getType());
    const auto lanes = static_cast<int>(type->getElementCount().getFixedValue());
    llvm::Value* const left = e_.min(e_.max(b.CreateSub(count, offset), e_.i64(0)), e_.i64(lanes));
    b.CreateMaskedStore(sum, e_.element(type->getElementType(), column_sums_->pointer, b.CreateAdd(column, offset)),
                        llvm::Align(type->getScalarSizeInBits() / 8), e_.first_lanes(left, lanes));
    offset = b.CreateAdd(offset, e_.i64(lanes));
  }
}

bool Epilogue::in_panels(const Place& place) const {
  return !place.layout.dense() && !place.layout.one_panel(shape_[1].size);
}

void Epilogue::begin_panel(llvm::Value* column) const {
  frame_.elements.begin_panel(column);
  for (const auto* matrices : {&read_, &written_}) {
    for (const auto& [place, dtype] : *matrices) {
      if (!in_panels(place)) continue;
      SLUICE_CHECK(place.layout.panel % columns_ == 0, "a tile of {} reaches over the edge of a panel",
                   frame_.plan.name);
      frame_.elements.hoist_panel(place.layout, shape_);
    }
  }
}

/// Returns the start of the open panel in a matrix of the result's shape.
PanelStart Epilogue::panel_of(const Place& place) const {
  if (in_panels(place)) return *frame_.elements.hoisted_panel(place.layout, shape_);
  return {e_.i64(0), e_.size(place.layout.dense() ? shape_[shape_.rank() - 1] : Dim(place.layout.last))};
}

void Epilogue::prefetch_row(const Matrices& at, llvm::Value* row, llvm::Value* column) const {
  auto& b = e_.b;
  if (at.first_row != nullptr) row = b.CreateAdd(row, at.first_row);
  // Most matrices that are written are also read: states, in place.
  for (const auto& [place, dtype] : read_.empty() ? written_ : read_) {
    const PanelStart start = panel_of(place);
    llvm::Value* const first = b.CreateAdd(b.CreateAdd(b.CreateMul(row, start.width), start.offset), column);
    llvm::Value* const from = e_.element(e_.memory_type(dtype), place.pointer, first);
    // A dense row of the tile begins anywhere in a cache line, so it reaches into one more than it fills.
    const std::int64_t bytes =
        columns_ * static_cast<std::int64_t>(size_of(dtype)) + (place.layout.dense() ? kLine : 0);
    for (std::int64_t line = 0; line < bytes; line += kLine)
      e_.prefetch(e_.element(b.getInt8Ty(), from, e_.i64(line)), read_.empty() ? Fetch::kWrite : Fetch::kRead);
  }
}

void Epilogue::prefetch_tile(const Matrices& at, llvm::Value* first_row, std::int64_t rows, llvm::Value* column) const {
  if (read_.empty() && written_.empty()) return;
  e_.loop(first_row, e_.b.CreateAdd(first_row, e_.i64(rows)), 1, [&](llvm::Value* r) { prefetch_row(at, r, column); });
}

}  // namespace sluice::backend
