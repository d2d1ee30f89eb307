#include <llvm/IR/MDBuilder.h>

#include <cmath>
#include <numbers>

#include "backend/codegen/elementwise_code.h"
#include "backend/codegen/float_bits.h"
#include "backend/codegen/math.h"

// Functions of f32 that are computed in f64 and rounded once: half as many lanes, but a plain series and a plain
// reduction of the argument leave errors that no float shows. f64 calls the C library.
namespace sluice::backend {

using ir::Op;

namespace {

/// The C library's function `name` for f64; for f32 what `f` emits for the operand in f64.
template <typename F>
llvm::Value* in_double(const ElementwiseCode& c, const char* name, const F& f) {
  if (is_double(c.x)) return emit_library_call(c.e, name, {c.x});
  llvm::Value* const wide = c.b.CreateFPExt(c.x, Emitter::like(c.x, c.b.getDoubleTy()));
  return c.b.CreateFPTrunc(f(FloatBits(c.e, wide), wide), c.x->getType());
}

/// The Taylor series of exp, sinh, ... from the highest power that is named: coefficients 1/k! for every second k,
/// with alternating signs for sine and cosine.
llvm::Value* factorial_series(const FloatBits& k, llvm::Value* x, int highest, int step, double sign) {
  llvm::Value* sum = nullptr;
  for (int power = highest; power >= 0; power -= step) {
    const double coefficient = std::pow(sign, power / 2) / std::tgamma(power + 1.0);
    sum = sum == nullptr ? k.f(coefficient) : k.e.multiply_add(sum, x, k.f(coefficient));
  }
  return sum;
}

/// x = n pi/2 + r with |r| <= pi/4, for |x| < 2^23: n times the upper part of pi/2, which has 29 bits, is exact.
struct QuarterTurn {
  llvm::Value* n;  ///< in the low bits
  llvm::Value* r;

  llvm::Value* sin(const FloatBits& k) const {
    llvm::Value* const z = k.e.b.CreateFMul(r, r);
    // (sin(r) / r - 1) / z = -1/3! + z/5! - ...
    llvm::Value* const p = k.polynomial(z, {-1 / 39916800.0, 1 / 362880.0, -1 / 5040.0, 1 / 120.0, -1 / 6.0});
    return k.e.b.CreateFMul(r, k.e.multiply_add(z, p, k.f(1)));  // keeps the sign of a zero
  }
  llvm::Value* cos(const FloatBits& k) const { return factorial_series(k, k.e.b.CreateFMul(r, r), 10, 2, -1); }
  llvm::Value* has_bit(const FloatBits& k, std::uint64_t bit) const {
    return k.e.b.CreateICmpNE(k.e.b.CreateAnd(n, k.i(bit)), k.i(0));
  }
};

QuarterTurn reduce_quarter_turn(const FloatBits& k, llvm::Value* x) {
  Emitter& e = k.e;
  // Adding 1.5 * 2^52 leaves the nearest whole number in the low bits.
  llvm::Value* const shifted = e.multiply_add(x, k.f(2 / std::numbers::pi), k.f(0x1.8p52));
  llvm::Value* const whole = e.b.CreateFSub(shifted, k.f(0x1.8p52));
  llvm::Value* r = e.multiply_add(whole, k.f(-0x1.921fb54p0), x);
  r = e.multiply_add(whole, k.f(-0x4.42d18469898cc5p-32), r);
  return {k.as_int(shifted), r};
}

/// `computed`, but what the C library returns for the lanes that `far` marks: a call of a function of its own, which
/// kernels jump over as long as there is no such lane.
llvm::Value* library_where(Emitter& e, llvm::Value* far, const char* name, llvm::Value* x, llvm::Value* computed) {
  auto& b = e.b;
  const int lanes = lanes_of(x);
  llvm::Function*& made = e.shared[std::string("library_") + name + "_" + std::to_string(lanes)];
  if (made == nullptr) {
    const llvm::IRBuilderBase::InsertPointGuard guard(b);
    made =
        e.function(std::string("library_") + name + "_" + std::to_string(lanes), x->getType(), {x->getType()}, false);
    made->addFnAttr(llvm::Attribute::NoInline);
    b.CreateRet(emit_library_call(e, name, {made->getArg(0)}));
  }
  llvm::Value* const any = lanes == 1 ? far : b.CreateOrReduce(far);
  if (const auto* known = llvm::dyn_cast<llvm::ConstantInt>(any); known != nullptr && known->isZero()) return computed;
  llvm::BasicBlock* const near_block = b.GetInsertBlock();
  llvm::Function* const parent = near_block->getParent();
  llvm::BasicBlock* const far_block = llvm::BasicBlock::Create(b.getContext(), "far", parent);
  llvm::BasicBlock* after = nullptr;
  if (b.GetInsertPoint() == near_block->end()) {
    after = llvm::BasicBlock::Create(b.getContext(), "joined", parent);
  } else {  // code that is hoisted stands before a jump
    after = near_block->splitBasicBlock(b.GetInsertPoint(), "joined");
    near_block->getTerminator()->eraseFromParent();
    b.SetInsertPoint(near_block);
  }
  b.CreateCondBr(any, far_block, after, llvm::MDBuilder(b.getContext()).createBranchWeights(1, 1000));
  b.SetInsertPoint(far_block);
  llvm::Value* const slow = b.CreateSelect(far, b.CreateCall(made, {x}), computed);
  b.CreateBr(after);
  b.SetInsertPoint(after, after->begin());
  llvm::PHINode* const joined = b.CreatePHI(x->getType(), 2);
  joined->addIncoming(computed, near_block);
  joined->addIncoming(slow, far_block);
  return joined;
}

/// A function of the angle x, `f` of what remains of it; where whole turns are too many for that, the C library's.
template <typename F>
llvm::Value* of_angle(const ElementwiseCode& c, const char* name, const F& f) {
  llvm::Value* const computed =
      in_double(c, name, [&](const FloatBits& k, llvm::Value* x) { return f(k, reduce_quarter_turn(k, x)); });
  if (is_double(c.x)) return computed;
  const FloatBits k(c.e, c.x);
  return library_where(c.e, c.b.CreateFCmpOGE(k.magnitude(c.x), k.f(0x1p23)), name, c.x, computed);
}

/// Sine for n = 0, cosine for n = 1, ...
llvm::Value* wave(const FloatBits& k, const QuarterTurn& turn) {
  llvm::Value* const size = k.choose(turn.has_bit(k, 1), turn.cos(k), turn.sin(k));
  return k.choose(turn.has_bit(k, 2), k.e.b.CreateFNeg(size), size);
}

/// exp(x) in f64 where that is in [exp(-200), exp(200)], and its value at those limits beyond them.
llvm::Value* emit_wide_exp(const FloatBits& k, llvm::Value* x) {
  Emitter& e = k.e;
  auto& b = e.b;
  x = k.choose(b.CreateFCmpOGT(x, k.f(200)), k.f(200), x);
  x = k.choose(b.CreateFCmpOLT(x, k.f(-200)), k.f(-200), x);
  llvm::Value* const shifted = e.multiply_add(x, k.f(std::numbers::log2e), k.f(0x1.8p52));
  llvm::Value* const whole = b.CreateFSub(shifted, k.f(0x1.8p52));
  llvm::Value* const r = e.multiply_add(whole, k.f(-std::numbers::ln2), x);
  llvm::Value* const mantissa = factorial_series(k, r, 10, 1, 1);
  llvm::Value* const n = b.CreateSub(k.as_int(shifted), k.as_int(k.f(0x1.8p52)));
  return b.CreateFMul(mantissa, k.as_float(b.CreateShl(b.CreateAdd(n, k.i(1023)), k.i(52))));
}

}  // namespace

template <>
llvm::Value* elementwise_code<Op::kSin>(const ElementwiseCode& c) {
  return of_angle(c, "sin", [](const FloatBits& k, const QuarterTurn& turn) { return wave(k, turn); });
}

template <>
llvm::Value* elementwise_code<Op::kCos>(const ElementwiseCode& c) {
  return of_angle(c, "cos", [](const FloatBits& k, QuarterTurn turn) {
    turn.n = k.e.b.CreateAdd(turn.n, k.i(1));
    return wave(k, turn);
  });
}

/// tan(r), or -1 / tan(r) in odd quarters.
template <>
llvm::Value* elementwise_code<Op::kTan>(const ElementwiseCode& c) {
  return of_angle(c, "tan", [](const FloatBits& k, const QuarterTurn& turn) {
    llvm::Value* const odd = turn.has_bit(k, 1);
    llvm::Value* const sin = turn.sin(k);
    llvm::Value* const cos = turn.cos(k);
    return k.e.b.CreateFDiv(k.choose(odd, cos, sin), k.choose(odd, k.e.b.CreateFNeg(sin), cos));
  });
}

/// With a = |x|: atan(a), pi/4 + atan((a - 1) / (a + 1)) or pi/2 + atan(-1 / a), so that the series sees at most
/// tan(pi/8); with the sign of x.
template <>
llvm::Value* elementwise_code<Op::kAtan>(const ElementwiseCode& c) {
  return in_double(c, "atan", [](const FloatBits& k, llvm::Value* x) {
    auto& b = k.e.b;
    llvm::Value* const a = k.magnitude(x);
    llvm::Value* const small = b.CreateFCmpOLE(a, k.f(std::numbers::sqrt2 - 1));
    llvm::Value* const middle = b.CreateFCmpOLE(a, k.f(std::numbers::sqrt2 + 1));
    llvm::Value* const above = k.choose(middle, b.CreateFSub(a, k.f(1)), k.f(-1));
    llvm::Value* const below = k.choose(middle, b.CreateFAdd(a, k.f(1)), a);
    llvm::Value* const t = b.CreateFDiv(k.choose(small, a, above), k.choose(small, k.f(1), below));
    llvm::Value* const angle =
        k.choose(small, k.f(0), k.choose(middle, k.f(std::numbers::pi / 4), k.f(std::numbers::pi / 2)));
    llvm::Value* const z = b.CreateFMul(t, t);
    llvm::Value* series = k.f(1.0 / 25);
    for (int power = 23; power >= 3; power -= 2)
      series = k.e.multiply_add(series, z, k.f((power % 4 == 1 ? 1.0 : -1.0) / power));
    return k.with_sign_of(x, b.CreateFAdd(angle, k.e.multiply_add(b.CreateFMul(t, z), series, t)));
  });
}

/// (exp(a) - exp(-a)) / 2 with the sign of x, a = |x|; below 1, where that cancels, the series.
template <>
llvm::Value* elementwise_code<Op::kSinh>(const ElementwiseCode& c) {
  return in_double(c, "sinh", [](const FloatBits& k, llvm::Value* x) {
    auto& b = k.e.b;
    llvm::Value* const a = k.magnitude(x);
    llvm::Value* const grown = emit_wide_exp(k, a);
    llvm::Value* const large = b.CreateFMul(k.f(0.5), b.CreateFSub(grown, b.CreateFDiv(k.f(1), grown)));
    llvm::Value* const z = b.CreateFMul(a, a);
    llvm::Value* const p =
        k.polynomial(z, {1 / 6227020800.0, 1 / 39916800.0, 1 / 362880.0, 1 / 5040.0, 1 / 120.0, 1 / 6.0});
    llvm::Value* const small = k.e.multiply_add(b.CreateFMul(a, z), p, a);
    return k.with_sign_of(x, k.choose(b.CreateFCmpOLT(a, k.f(1)), small, large));
  });
}

template <>
llvm::Value* elementwise_code<Op::kCosh>(const ElementwiseCode& c) {
  return in_double(c, "cosh", [](const FloatBits& k, llvm::Value* x) {
    auto& b = k.e.b;
    llvm::Value* const grown = emit_wide_exp(k, k.magnitude(x));
    return b.CreateFMul(k.f(0.5), b.CreateFAdd(grown, b.CreateFDiv(k.f(1), grown)));
  });
}

}  // namespace sluice::backend
