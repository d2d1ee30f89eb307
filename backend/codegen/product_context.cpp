#include "backend/codegen/product_context.h"

#include "sluice/error.h"

namespace sluice::backend {

namespace {

/// The operand `operand` of the kernel.
Matrix operand_of(const Frame& frame, std::size_t operand, bool transposed) {
  const Shape& shape = frame.body().type(frame.body().parameters()[operand].value).shape;
  return {frame.operands[operand], {shape[shape.rank() - 2], shape[shape.rank() - 1]}, transposed};
}

Matrix lhs_of(const Frame& frame, const ProductKernel& plan, const ir::Node& matmul) {
  if (!plan.packs_windows) return operand_of(frame, plan.lhs, matmul.attributes.flag(ir::Attr::kTransposeA));
  const Type& type = frame.body().type(matmul.operands[0]);
  const auto bytes = static_cast<std::int64_t>(size_of(type.dtype));
  return {{frame.in_scratch(plan.scratch.windows)}, {type.shape[0], window_row(type.shape[1].size, bytes)}, false};
}

/// The packer of operand `i`, which is packed to rows of `stride` elements.
std::optional<WindowPacker> packer_of(const Frame& frame, const ir::Node& matmul, std::size_t i, std::int64_t stride) {
  const ir::Node* const windows = ir::windows_of(frame.body(), matmul, i);
  if (windows == nullptr) return {};
  return WindowPacker(frame.e, *windows, frame.body().type(windows->operands[0]), stride);
}

Matrix rhs_of(const Frame& frame, const ProductKernel& plan, const ir::Node& matmul) {
  const bool transposed = matmul.attributes.flag(ir::Attr::kTransposeB);
  const bool is_in_memory = plan.panels != RhsPanels::kComputed && plan.panels != RhsPanels::kWindows;
  if (is_in_memory) return operand_of(frame, plan.rhs, transposed);
  const Shape& shape = frame.body().type(matmul.operands[1]).shape;
  return {{nullptr}, {shape[shape.rank() - 2], shape[shape.rank() - 1]}, transposed};
}

}  // namespace

ProductContext::ProductContext(Frame& kernel)
    : frame(kernel),
      e(kernel.e),
      plan(*kernel.plan.product()),
      node(kernel.body().node(plan.matmul)),
      sizes(ir::matmul_sizes(node, kernel.body().type(node.operands[0]))),
      lhs(lhs_of(kernel, plan, node)),
      lhs_windows(packer_of(kernel, node, 0, lhs.stride().size)),
      rhs(rhs_of(kernel, plan, node)),
      computes_rhs(rhs.place.pointer == nullptr),
      tile(plan.tile),
      element(e.memory_type(dtype())),
      bytes(static_cast<int>(size_of(dtype()))),
      lanes(e.target.lanes(bytes)),
      rhs_windows(packer_of(kernel, node, 1, panel_columns())) {
  SLUICE_CHECK(lhs.one_piece(), "the first factor of {} lies in panels", kernel.plan.name);
  SLUICE_CHECK(!has_batch() || !plan.skips_zeros, "{} makes lists for a batch", kernel.plan.name);
}

Lanes ProductContext::lanes_for(std::int64_t columns) const {
  const auto step = static_cast<int>(frame.plan.units.step);
  Lanes vectors{std::vector<int>(static_cast<std::size_t>(columns / lanes), lanes)};
  const auto rest = static_cast<int>(columns % lanes);
  if (rest > 0) vectors.counts.push_back((rest + step - 1) / step * step);
  if (plan.panels == RhsPanels::kMasked) vectors.loaded_of_last = rest;
  return vectors;
}

llvm::Value* ProductContext::rows_of(llvm::Value* row) const {
  if (!sizes.m.batch && sizes.m.size % tile.rows == 0) return e.i64(tile.rows);
  return e.min(e.b.CreateSub(e.size(sizes.m), row), e.i64(tile.rows));
}

llvm::Value* ProductContext::whole_tiles(llvm::Value* first, llvm::Value* last) const {
  return e.max(first, e.min(last, e.b.CreateUDiv(e.size(sizes.m), e.i64(tile.rows))));
}

void ProductContext::for_pieces(llvm::Value* row, const std::function<void(llvm::Value*, std::int64_t)>& emit) const {
  auto& b = e.b;
  const std::int64_t rest = sizes.m.batch ? 1 : sizes.m.size % tile.rows;
  const auto emit_whole = [&] { emit(e.i64(0), tile.rows); };
  if (rest == 0) return emit_whole();
  llvm::Value* const left = b.CreateSub(e.size(sizes.m), row);
  e.if_else(b.CreateICmpSGE(left, e.i64(tile.rows)), emit_whole,
            [&] { e.loop(e.i64(0), left, rest, [&](llvm::Value* r) { emit(r, rest); }); });
}

llvm::Value* ProductContext::tile_scratch(llvm::Value* t) const {
  return e.element(element, frame.scratch, e.b.CreateMul(e.b.CreateAnd(t, e.i64(1)), tile_elements()));
}

Coordinate ProductContext::begin_vector(const Columns& columns, llvm::Value* before, int lanes_now) const {
  llvm::Value* const left = e.b.CreateSub(columns.count, before);
  const auto* const known = llvm::dyn_cast<llvm::ConstantInt>(left);
  const bool whole = known != nullptr ? known->getSExtValue() >= lanes_now
                                      : llvm::cast<llvm::ConstantInt>(columns.count)->getSExtValue() % lanes_now == 0;
  frame.elements.begin_vector(lanes_now, whole ? nullptr : e.first_lanes(left, lanes_now));
  return {e.b.CreateAdd(columns.first, before), true, nullptr, Level::kVector};
}

void ProductContext::store_results_at(const Matrices& at, const Coordinate& row, const Coordinate& column,
                                      const std::function<llvm::Value*(const Coordinate& column)>& product) const {
  Index index = at.batch_index;
  index.insert(index.end(), {row, column});
  frame.elements.computed = [&](const ir::Node&, const Index& of) -> Element {
    llvm::Value* sum = product(of.back());
    // Where zeros may be skipped, the sign of a sum of nothing but zeros depends on which are; + 0 makes it positive.
    if (plan.skips_zeros) sum = e.b.CreateFAdd(sum, llvm::Constant::getNullValue(sum->getType()));
    return {sum, false, Level::kVector};
  };
  store_results(frame, node.types[0].shape, index);
  frame.elements.computed = nullptr;
}

}  // namespace sluice::backend
