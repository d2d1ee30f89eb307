#include "backend/codegen/kernels.h"

namespace sluice::backend {

using ir::Node;
using ir::Op;
using Values = Emitter::Values;

namespace {

/// Returns the element that follows `before`. The first one is its own term, whatever it would be multiplied by.
llvm::Value* next_element(Frame& frame, const Node& node, const Index& index, llvm::Value* is_first,
                          llvm::Value* before) {
  auto& b = frame.e.b;
  const bool floats = is_float(node.types[0].dtype);
  const auto term = [&](ir::Value operand) {
    llvm::Value* const x = frame.elements.vector_at(operand, index);
    return floats ? b.CreateFPCast(x, before->getType()) : x;
  };
  if (node.op == Op::kCumsum) {
    llvm::Value* const x = term(node.operands[0]);
    return floats ? b.CreateFAdd(before, x) : b.CreateAdd(before, x);
  }
  llvm::Value* const factor = term(node.operands[0]);
  llvm::Value* const x = term(node.operands[1]);
  llvm::Value* const next =
      floats ? b.CreateFAdd(b.CreateFMul(factor, before), x) : b.CreateAdd(b.CreateMul(factor, before), x);
  return b.CreateSelect(is_first, x, next);
}

}  // namespace

/// A unit is one row along the axis, or a vector of neighboring ones where the axis is not the last.
void emit_recurrence(Frame& frame) {
  Emitter& e = frame.e;
  Elements& k = frame.elements;
  const Node& node = frame.body().node(frame.body().results()[0]);
  const Type& type = node.types[0];
  const auto axis = static_cast<std::size_t>(node.attributes.integer(ir::Attr::kAxis));
  const bool reverse = node.attributes.flag(ir::Attr::kReverse);
  const int rank = type.shape.rank();
  const bool along_last = static_cast<int>(axis) + 1 == rank;
  const int lanes = along_last ? 1 : e.target.lanes(4);
  llvm::Value* const n = e.size(type.shape[static_cast<int>(axis)]);
  e.loop(frame.begin, frame.end, 1, [&](llvm::Value* unit) {
    Index index;
    for (llvm::Value* block : unit_blocks(frame, unit)) index.push_back({block, false, nullptr, Level::kRow});
    llvm::Value* mask = nullptr;
    if (!along_last) {
      const Dim inner = type.shape[rank - 1];
      llvm::Value* const first = e.b.CreateMul(index.back().base, e.i64(lanes));
      index.back() = {first, true, nullptr, Level::kVector};
      const bool whole = !inner.batch && inner.size % lanes == 0;
      if (!whole) mask = e.first_lanes(e.min(e.b.CreateSub(e.size(inner), first), e.i64(lanes)), lanes);
    }
    index.insert(index.begin() + static_cast<std::ptrdiff_t>(axis), Coordinate{});
    k.begin_row(e.preheader("row"));
    llvm::Type* const element = type.dtype == DType::kF32 ? e.b.getDoubleTy() : e.register_type(type.dtype);
    // -0 is what leaves every float as it is.
    llvm::Value* const start =
        is_float(type.dtype) ? llvm::ConstantFP::getNegativeZero(element) : llvm::ConstantInt::get(element, 0);
    const Values carried{lanes == 1 ? start : e.b.CreateVectorSplat(static_cast<unsigned>(lanes), start)};
    e.loop(e.i64(0), n, 1, carried, [&](llvm::Value* i, const Values& before) -> Values {
      k.begin_vector(lanes, mask);
      llvm::Value* const at = reverse ? e.b.CreateSub(e.b.CreateSub(n, e.i64(1)), i) : i;
      index[axis] = {at, false, nullptr, Level::kVector};
      llvm::Value* const y = next_element(frame, node, index, e.b.CreateICmpEQ(i, e.i64(0)), before[0]);
      llvm::Value* const rounded =
          type.dtype == DType::kF32 ? e.b.CreateFPCast(y, y->getType()->getWithNewType(e.b.getFloatTy())) : y;
      k.store(frame.results[0], type, index, rounded);
      return {y};
    });
  });
}

}  // namespace sluice::backend
