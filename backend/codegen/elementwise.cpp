#include <llvm/IR/Intrinsics.h>

#include "backend/codegen/elements.h"
#include "backend/codegen/elementwise_code.h"
#include "backend/codegen/math.h"
#include "sluice/error.h"

namespace sluice::backend {

using ir::Node;
using ir::Op;

namespace {

/// x / 0 is 0 and the least integer / -1 is itself: the machine's division would trap on both, so it never sees such a
/// divisor.
llvm::Value* emit_integer_division(Emitter& e, DType dtype, llvm::Value* x, llvm::Value* y) {
  auto& b = e.b;
  llvm::Type* const type = x->getType();
  llvm::Value* const zero = e.number(type, 0);
  llvm::Value* const one = e.number(type, 1);
  llvm::Value* const by_zero = b.CreateICmpEQ(y, zero);
  if (dtype == DType::kU8) return b.CreateSelect(by_zero, zero, b.CreateUDiv(x, b.CreateSelect(by_zero, one, y)));
  llvm::Value* const by_minus_one = b.CreateICmpEQ(y, e.number(type, -1));
  llvm::Value* const quotient = b.CreateSDiv(x, b.CreateSelect(b.CreateOr(by_zero, by_minus_one), one, y));
  return b.CreateSelect(by_zero, zero, b.CreateSelect(by_minus_one, b.CreateNeg(x), quotient));
}

llvm::Value* emit_cast(Emitter& e, DType from, DType to, llvm::Value* x) {
  auto& b = e.b;
  if (from == to) return x;
  llvm::Type* const type = Emitter::like(x, e.register_type(to));
  const bool is_unsigned = from == DType::kU8 || from == DType::kBool;
  if (to == DType::kBool) {
    if (is_float(from)) return b.CreateFCmpUNE(x, e.number(x->getType(), 0));
    return b.CreateICmpNE(x, e.number(x->getType(), 0));
  }
  if (is_float(from)) {
    if (is_float(to)) return b.CreateFPCast(x, type);
    const auto convert = to == DType::kU8 ? llvm::Intrinsic::fptoui_sat : llvm::Intrinsic::fptosi_sat;
    return b.CreateIntrinsic(convert, {type, x->getType()}, {x});
  }
  if (is_float(to)) return is_unsigned ? b.CreateUIToFP(x, type) : b.CreateSIToFP(x, type);
  return is_unsigned ? b.CreateZExtOrTrunc(x, type) : b.CreateSExtOrTrunc(x, type);
}

llvm::Value* emit_comparison(Emitter& e, Op op, DType dtype, llvm::Value* x, llvm::Value* y) {
  using P = llvm::CmpInst::Predicate;
  struct Row {
    P of_floats, of_signed, of_unsigned;
  };
  const auto row = [&]() -> Row {
    switch (op) {
      case Op::kEqual:
        return {P::FCMP_OEQ, P::ICMP_EQ, P::ICMP_EQ};
      case Op::kNotEqual:
        return {P::FCMP_UNE, P::ICMP_NE, P::ICMP_NE};
      case Op::kLess:
        return {P::FCMP_OLT, P::ICMP_SLT, P::ICMP_ULT};
      case Op::kLessEqual:
        return {P::FCMP_OLE, P::ICMP_SLE, P::ICMP_ULE};
      case Op::kGreater:
        return {P::FCMP_OGT, P::ICMP_SGT, P::ICMP_UGT};
      default:
        return {P::FCMP_OGE, P::ICMP_SGE, P::ICMP_UGE};
    }
  }();
  if (is_float(dtype)) return e.b.CreateFCmp(row.of_floats, x, y);
  return e.b.CreateICmp(dtype == DType::kU8 || dtype == DType::kBool ? row.of_unsigned : row.of_signed, x, y);
}

/// Emits x < 0. No u8 is.
llvm::Value* emit_is_negative(Emitter& e, DType dtype, llvm::Value* x) {
  llvm::Value* const zero = e.number(x->getType(), 0);
  if (is_float(dtype)) return e.b.CreateFCmpOGT(zero, x);
  return dtype == DType::kU8 ? e.b.CreateICmpULT(x, zero) : e.b.CreateICmpSGT(zero, x);
}

llvm::Value* emit_is_positive(Emitter& e, DType dtype, llvm::Value* x) {
  llvm::Value* const zero = e.number(x->getType(), 0);
  if (is_float(dtype)) return e.b.CreateFCmpOGT(x, zero);
  return dtype == DType::kU8 ? e.b.CreateICmpNE(x, zero) : e.b.CreateICmpSGT(x, zero);
}

/// Returns whether every lane is the same constant, neither zero nor NaN.
bool is_ordinary_constant(llvm::Value* x) {
  const auto* constant = llvm::dyn_cast<llvm::Constant>(x);
  if (constant != nullptr && x->getType()->isVectorTy()) constant = constant->getSplatValue();
  const auto* number = llvm::dyn_cast_or_null<llvm::ConstantFP>(constant);
  return number != nullptr && !number->isNaN() && !number->isZero();
}

}  // namespace

llvm::Value* emit_extreme(Emitter& e, DType dtype, llvm::Value* x, llvm::Value* y, bool larger) {
  auto& b = e.b;
  const Op op = larger ? Op::kGreater : Op::kLess;
  // The order matters only to NaN and to zeros of different signs. With a limit that is neither, what is limited comes
  // last, where an unordered comparison leads: this is a single instruction of x86 instead of four.
  if (is_float(dtype) && is_ordinary_constant(y)) std::swap(x, y);
  if (is_float(dtype) && is_ordinary_constant(x)) return b.CreateSelect(emit_comparison(e, op, dtype, x, y), x, y);
  llvm::Value* const x_wins = emit_comparison(e, op, dtype, x, y);
  if (!is_float(dtype)) return b.CreateSelect(x_wins, x, y);
  // Unordered goes to y, which is right where y is NaN.
  return b.CreateSelect(b.CreateFCmpUNO(x, x), x, b.CreateSelect(x_wins, x, y));
}

template <>
llvm::Value* elementwise_code<Op::kAdd>(const ElementwiseCode& c) {
  return c.floats() ? c.b.CreateFAdd(c.x, c.y) : c.b.CreateAdd(c.x, c.y);
}

template <>
llvm::Value* elementwise_code<Op::kSub>(const ElementwiseCode& c) {
  return c.floats() ? c.b.CreateFSub(c.x, c.y) : c.b.CreateSub(c.x, c.y);
}

template <>
llvm::Value* elementwise_code<Op::kMul>(const ElementwiseCode& c) {
  return c.floats() ? c.b.CreateFMul(c.x, c.y) : c.b.CreateMul(c.x, c.y);
}

template <>
llvm::Value* elementwise_code<Op::kDiv>(const ElementwiseCode& c) {
  return c.floats() ? c.b.CreateFDiv(c.x, c.y) : emit_integer_division(c.e, c.dtype, c.x, c.y);
}

template <>
llvm::Value* elementwise_code<Op::kPow>(const ElementwiseCode& c) {
  return emit_library_call(c.e, "pow", {c.x, c.y});
}

template <>
llvm::Value* elementwise_code<Op::kMaximum>(const ElementwiseCode& c) {
  return emit_extreme(c.e, c.dtype, c.x, c.y, true);
}

template <>
llvm::Value* elementwise_code<Op::kMinimum>(const ElementwiseCode& c) {
  return emit_extreme(c.e, c.dtype, c.x, c.y, false);
}

template <>
llvm::Value* elementwise_code<Op::kNeg>(const ElementwiseCode& c) {
  return c.floats() ? c.b.CreateFNeg(c.x) : c.b.CreateNeg(c.x);
}

template <>
llvm::Value* elementwise_code<Op::kAbs>(const ElementwiseCode& c) {
  if (c.floats()) return c.b.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, c.x);
  if (c.dtype == DType::kU8) return c.x;
  return c.b.CreateSelect(emit_is_negative(c.e, c.dtype, c.x), c.b.CreateNeg(c.x), c.x);
}

template <>
llvm::Value* elementwise_code<Op::kSqrt>(const ElementwiseCode& c) {
  return c.b.CreateUnaryIntrinsic(llvm::Intrinsic::sqrt, c.x);
}

template <>
llvm::Value* elementwise_code<Op::kRsqrt>(const ElementwiseCode& c) {
  return c.b.CreateFDiv(c.number(1), c.b.CreateUnaryIntrinsic(llvm::Intrinsic::sqrt, c.x));
}

template <>
llvm::Value* elementwise_code<Op::kRelu>(const ElementwiseCode& c) {
  if (c.dtype == DType::kU8) return c.x;
  return c.b.CreateSelect(emit_is_negative(c.e, c.dtype, c.x), c.number(0), c.x);
}

template <>
llvm::Value* elementwise_code<Op::kSquare>(const ElementwiseCode& c) {
  return c.floats() ? c.b.CreateFMul(c.x, c.x) : c.b.CreateMul(c.x, c.x);
}

template <>
llvm::Value* elementwise_code<Op::kSign>(const ElementwiseCode& c) {
  llvm::Value* const rest =
      c.dtype == DType::kU8 ? c.x : c.b.CreateSelect(emit_is_negative(c.e, c.dtype, c.x), c.number(-1), c.x);
  return c.b.CreateSelect(emit_is_positive(c.e, c.dtype, c.x), c.number(1), rest);
}

template <>
llvm::Value* elementwise_code<Op::kFloor>(const ElementwiseCode& c) {
  return c.b.CreateUnaryIntrinsic(llvm::Intrinsic::floor, c.x);
}

/// Adding 2^23, of f64 2^52, to |x| below that leaves no bit behind the point; the addition rounds halves to even.
template <>
llvm::Value* elementwise_code<Op::kRound>(const ElementwiseCode& c) {
  llvm::Value* const size = c.b.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, c.x);
  llvm::Value* const shift = c.number(c.dtype == DType::kF64 ? 0x1p52 : 0x1p23);
  llvm::Value* const whole = c.b.CreateFSub(c.b.CreateFAdd(size, shift), shift);
  llvm::Value* const rounded = c.b.CreateSelect(c.b.CreateFCmpOLT(size, shift), whole, size);
  return c.b.CreateBinaryIntrinsic(llvm::Intrinsic::copysign, rounded, c.x);
}

template <>
llvm::Value* elementwise_code<Op::kEqual>(const ElementwiseCode& c) {
  return emit_comparison(c.e, Op::kEqual, c.dtype, c.x, c.y);
}

template <>
llvm::Value* elementwise_code<Op::kNotEqual>(const ElementwiseCode& c) {
  return emit_comparison(c.e, Op::kNotEqual, c.dtype, c.x, c.y);
}

template <>
llvm::Value* elementwise_code<Op::kLess>(const ElementwiseCode& c) {
  return emit_comparison(c.e, Op::kLess, c.dtype, c.x, c.y);
}

template <>
llvm::Value* elementwise_code<Op::kLessEqual>(const ElementwiseCode& c) {
  return emit_comparison(c.e, Op::kLessEqual, c.dtype, c.x, c.y);
}

template <>
llvm::Value* elementwise_code<Op::kGreater>(const ElementwiseCode& c) {
  return emit_comparison(c.e, Op::kGreater, c.dtype, c.x, c.y);
}

template <>
llvm::Value* elementwise_code<Op::kGreaterEqual>(const ElementwiseCode& c) {
  return emit_comparison(c.e, Op::kGreaterEqual, c.dtype, c.x, c.y);
}

template <>
llvm::Value* elementwise_code<Op::kLogicalAnd>(const ElementwiseCode& c) {
  return c.b.CreateAnd(c.x, c.y);
}

template <>
llvm::Value* elementwise_code<Op::kLogicalOr>(const ElementwiseCode& c) {
  return c.b.CreateOr(c.x, c.y);
}

template <>
llvm::Value* elementwise_code<Op::kLogicalNot>(const ElementwiseCode& c) {
  return c.b.CreateNot(c.x);
}

template <>
llvm::Value* elementwise_code<Op::kSelect>(const ElementwiseCode& c) {
  return c.b.CreateSelect(c.x, c.y, c.z);
}

template <>
llvm::Value* elementwise_code<Op::kCast>(const ElementwiseCode& c) {
  return emit_cast(c.e, c.dtype, c.node.types[0].dtype, c.x);
}

template <>
llvm::Value* elementwise_code<Op::kStopGradient>(const ElementwiseCode& c) {
  return c.x;
}

namespace {

using ElementwiseRule = llvm::Value* (*)(const ElementwiseCode&);

using enum ir::Trait;
constexpr ElementwiseRule kElementwiseRules[] = {
#define OP(enumerator, name, arity, dtypes, traits, ...) \
  ((traits)&kElementwise) != 0 ? &elementwise_code<Op::enumerator> : nullptr,
#include "sluice/ir/ops.def"
#undef OP
};

}  // namespace

llvm::Value* emit_elementwise(Emitter& e, const Node& node, DType dtype, const std::vector<llvm::Value*>& operands) {
  const auto operand = [&](std::size_t i) { return i < operands.size() ? operands[i] : nullptr; };
  return kElementwiseRules[static_cast<std::size_t>(node.op)](
      {e, e.b, node, dtype, operand(0), operand(1), operand(2)});
}

}  // namespace sluice::backend
