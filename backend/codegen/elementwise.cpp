#include <llvm/IR/Intrinsics.h>

#include "backend/codegen/elements.h"
#include "backend/codegen/math.h"
#include "ir/error.h"

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

/// What differs between floats, signed and unsigned integers among the ops of one operand.
llvm::Value* emit_sign_op(Emitter& e, Op op, DType dtype, llvm::Value* x) {
  auto& b = e.b;
  llvm::Type* const type = x->getType();
  llvm::Value* const zero = e.number(type, 0);
  if (op == Op::kNeg) return is_float(dtype) ? b.CreateFNeg(x) : b.CreateNeg(x);
  if (op == Op::kAbs && is_float(dtype)) return b.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, x);
  if (dtype == DType::kU8)
    return op == Op::kSign ? b.CreateSelect(b.CreateICmpEQ(x, zero), zero, e.number(type, 1)) : x;
  llvm::Value* const negative = is_float(dtype) ? b.CreateFCmpOGT(zero, x) : b.CreateICmpSGT(zero, x);
  if (op == Op::kAbs) return b.CreateSelect(negative, b.CreateNeg(x), x);
  if (op == Op::kRelu) return b.CreateSelect(negative, zero, x);
  llvm::Value* const positive = is_float(dtype) ? b.CreateFCmpOGT(x, zero) : b.CreateICmpSGT(x, zero);
  return b.CreateSelect(positive, e.number(type, 1), b.CreateSelect(negative, e.number(type, -1), x));
}

}  // namespace

llvm::Value* emit_extreme(Emitter& e, DType dtype, llvm::Value* x, llvm::Value* y, bool larger) {
  auto& b = e.b;
  const Op op = larger ? Op::kGreater : Op::kLess;
  llvm::Value* const x_wins = emit_comparison(e, op, dtype, x, y);
  if (!is_float(dtype)) return b.CreateSelect(x_wins, x, y);
  // Unordered goes to y, which is right where y is NaN.
  return b.CreateSelect(b.CreateFCmpUNO(x, x), x, b.CreateSelect(x_wins, x, y));
}

llvm::Value* emit_elementwise(Emitter& e, const Node& node, DType dtype, const std::vector<llvm::Value*>& operands) {
  auto& b = e.b;
  llvm::Value* const x = operands[0];
  llvm::Value* const y = operands.size() > 1 ? operands[1] : nullptr;
  const bool floats = is_float(dtype);
  switch (node.op) {
    case Op::kAdd:
      return floats ? b.CreateFAdd(x, y) : b.CreateAdd(x, y);
    case Op::kSub:
      return floats ? b.CreateFSub(x, y) : b.CreateSub(x, y);
    case Op::kMul:
      return floats ? b.CreateFMul(x, y) : b.CreateMul(x, y);
    case Op::kDiv:
      return floats ? b.CreateFDiv(x, y) : emit_integer_division(e, dtype, x, y);
    case Op::kPow:
      return emit_library_call(e, "pow", {x, y});
    case Op::kMaximum:
      return emit_extreme(e, dtype, x, y, true);
    case Op::kMinimum:
      return emit_extreme(e, dtype, x, y, false);
    case Op::kNeg:
    case Op::kAbs:
    case Op::kRelu:
    case Op::kSign:
      return emit_sign_op(e, node.op, dtype, x);
    case Op::kExp:
      return emit_exp(e, x);
    case Op::kExpm1:
      return emit_expm1(e, x);
    case Op::kLog:
      return emit_log(e, x);
    case Op::kLog1p:
      return emit_log1p(e, x);
    case Op::kSqrt:
      return b.CreateUnaryIntrinsic(llvm::Intrinsic::sqrt, x);
    case Op::kRsqrt:
      return b.CreateFDiv(e.number(x->getType(), 1), b.CreateUnaryIntrinsic(llvm::Intrinsic::sqrt, x));
    case Op::kTanh:
      return emit_tanh(e, x);
    case Op::kSigmoid:
      return emit_sigmoid(e, x);
    case Op::kSquare:
      return floats ? b.CreateFMul(x, x) : b.CreateMul(x, x);
    case Op::kFloor:
      return b.CreateUnaryIntrinsic(llvm::Intrinsic::floor, x);
    case Op::kEqual:
    case Op::kNotEqual:
    case Op::kLess:
    case Op::kLessEqual:
    case Op::kGreater:
    case Op::kGreaterEqual:
      return emit_comparison(e, node.op, dtype, x, y);
    case Op::kLogicalAnd:
      return b.CreateAnd(x, y);
    case Op::kLogicalOr:
      return b.CreateOr(x, y);
    case Op::kLogicalNot:
      return b.CreateNot(x);
    case Op::kSelect:
      return b.CreateSelect(x, y, operands[2]);
    case Op::kCast:
      return emit_cast(e, dtype, node.types[0].dtype, x);
    case Op::kStopGradient:
      return x;
    default:
      break;
  }
  SLUICE_UNREACHABLE("{} has no elementwise code", ir::to_string(node.op));
}

}  // namespace sluice::backend
