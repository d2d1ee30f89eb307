#include "backend/codegen/kernels.h"

namespace sluice::backend {

using ir::Node;

/// A unit owns some columns of the table and adds all rows to them, or stores them, in order, so that sums, and which
/// row is the last, do not depend on the number of threads.
void emit_scatter(Frame& frame) {
  Emitter& e = frame.e;
  auto& b = e.b;
  const Node& node = frame.body().node(frame.body().results()[0]);
  const Type& indices = frame.body().type(node.operands[1]);
  const Units::Axis& columns = frame.plan.units.axes[0];
  const Dim height = node.types[0].shape[0];
  const DType dtype = node.types[0].dtype;
  const Type table{dtype, {height, columns.size}};
  const Type rows{dtype, {indices.shape.element_count(), columns.size}};
  const Type flat_indices{indices.dtype, {indices.shape.element_count()}};
  const int lanes = columns.size == Dim(1) ? 1 : e.target.lanes(4);
  const auto row = [](llvm::Value* position) { return Coordinate{position, false, nullptr, Level::kRow}; };
  Elements& k = frame.elements;

  llvm::Value* const first = b.CreateMul(frame.begin, e.i64(columns.block));
  llvm::Value* const last = e.min(b.CreateMul(frame.end, e.i64(columns.block)), e.size(columns.size));
  llvm::Value* const elsewhere = b.CreateICmpNE(frame.operands[0].pointer, frame.results[0].pointer);
  e.if_then(elsewhere, [&] {
    e.loop(e.i64(0), e.size(height), 1, [&](llvm::Value* i) {
      k.begin_row(e.preheader("row"));
      for_vectors(frame, first, last, lanes, [&](const Coordinate& c) {
        k.store(frame.results[0], table, {row(i), c}, k.spread(k.load(frame.operands[0], table, {row(i), c})));
      });
    });
  });
  e.loop(e.i64(0), e.size(flat_indices.shape[0]), 1, [&](llvm::Value* i) {
    k.begin_row(e.preheader("row"));
    k.begin_vector(1, nullptr);
    llvm::Value* target = k.load(frame.operands[1], flat_indices, {{i, false, nullptr, Level::kVector}}).value;
    target = indices.dtype == DType::kU8 ? b.CreateZExt(target, b.getInt64Ty()) : b.CreateSExt(target, b.getInt64Ty());
    target = e.max(e.min(target, b.CreateSub(e.size(height), e.i64(1))), e.i64(0));
    const Coordinate to{target, false, nullptr, Level::kVector};
    for_vectors(frame, first, last, lanes, [&](const Coordinate& c) {
      llvm::Value* x = k.spread(k.load(frame.operands[2], rows, {row(i), c}));
      if (node.op == ir::Op::kScatterAdd) {
        llvm::Value* const sum = k.spread(k.load(frame.results[0], table, {to, c}));
        x = is_float(dtype) ? b.CreateFAdd(sum, x) : b.CreateAdd(sum, x);
      }
      k.store(frame.results[0], table, {to, c}, x);
    });
  });
}

}  // namespace sluice::backend
