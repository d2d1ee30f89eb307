#include "backend/codegen/math.h"

#include <llvm/IR/Intrinsics.h>

#include <numbers>

#include "backend/codegen/elementwise_code.h"
#include "backend/codegen/exponential.h"

namespace sluice::backend {

using ir::Op;

namespace {

/// log(x) + correction = n ln 2 + log(m) + correction, m in [sqrt(1/2), sqrt(2)), log(1 + f) = f - f^2/2 + f^3 p(f)
/// with the coefficients of Cephes' logf. The correction, which is small, joins the small terms.
llvm::Value* emit_corrected_log(Emitter& e, llvm::Value* x, llvm::Value* correction) {
  const FloatBits k(e, x);
  auto& b = e.b;
  llvm::Value* const bits = k.as_int(x);
  llvm::Value* n = b.CreateSub(b.CreateLShr(bits, k.i(23)), k.i(126));
  llvm::Value* m = k.as_float(b.CreateOr(b.CreateAnd(bits, k.i(0x007fffff)), k.i(0x3f000000)));  // [0.5, 1)
  llvm::Value* const low = b.CreateFCmpOLT(m, k.f(0.707106781186547524));
  n = b.CreateSub(n, b.CreateZExt(low, k.ints));
  m = k.choose(low, b.CreateFAdd(m, m), m);
  llvm::Value* const f = b.CreateFSub(m, k.f(1.0));
  llvm::Value* const whole = b.CreateSIToFP(n, k.floats);
  llvm::Value* const p =
      k.polynomial(f, {7.0376836292e-2, -1.1514610310e-1, 1.1676998740e-1, -1.2420140846e-1, 1.4249322787e-1,
                       -1.6668057665e-1, 2.0000714765e-1, -2.4999993993e-1, 3.3333331174e-1});
  llvm::Value* const f2 = b.CreateFMul(f, f);
  llvm::Value* y = b.CreateFMul(b.CreateFMul(f2, f), p);
  if (correction != nullptr) y = b.CreateFAdd(y, correction);
  y = e.multiply_add(whole, k.f(-2.12194440e-4), y);
  y = e.multiply_add(f2, k.f(-0.5), y);
  llvm::Value* result = e.multiply_add(whole, k.f(0.693359375), b.CreateFAdd(f, y));
  const double infinity = std::numeric_limits<double>::infinity();
  result = k.choose(b.CreateFCmpOEQ(x, k.f(infinity)), x, result);
  result = k.choose(b.CreateFCmpOLT(x, k.f(1.17549435e-38)), k.f(-infinity), result);  // zero, and what counts as zero
  result = k.choose(b.CreateFCmpOLT(x, k.f(0.0)), k.f(std::numeric_limits<double>::quiet_NaN()), result);
  return k.choose(k.is_nan(x), x, result);
}

/// x within [low, high], or NaN.
llvm::Value* clamped(const FloatBits& k, llvm::Value* x, double low, double high) {
  x = k.choose(k.e.b.CreateFCmpOGT(x, k.f(high)), k.f(high), x);
  return k.choose(k.e.b.CreateFCmpOLT(x, k.f(low)), k.f(low), x);
}

/// n as an integer.
llvm::Value* power_of(const FloatBits& k, const Exponential& exp) {
  return k.e.b.CreateSub(k.as_int(exp.shifted), k.as_int(k.f(0x1.8p23)));
}

/// 2^n (1 + r + r^2 p), in two halves, since n = 128 is not a float's exponent.
llvm::Value* emit_exp(Emitter& e, llvm::Value* x) {
  if (is_double(x)) return emit_library_call(e, "exp", {x});
  const FloatBits k(e, x);
  auto& b = e.b;
  const Exponential exp = take_exponential(k, clamped(k, x, -104, 89));
  llvm::Value* const mantissa = e.multiply_add(b.CreateFMul(exp.r, exp.r), exp.p, b.CreateFAdd(exp.r, k.f(1.0)));
  llvm::Value* const n = power_of(k, exp);
  llvm::Value* const half = b.CreateAShr(n, k.i(1));
  llvm::Value* const grown = b.CreateFMul(mantissa, k.power_of_two(half));
  return k.choose(k.is_nan(x), x, b.CreateFMul(grown, k.power_of_two(b.CreateSub(n, half))));
}

}  // namespace

template <>
llvm::Value* elementwise_code<Op::kExp>(const ElementwiseCode& c) {
  return emit_exp(c.e, c.x);
}

/// 2^n (exp(r) - 1) + (2^n - 1), with the sign of x, which -0 would lose.
template <>
llvm::Value* elementwise_code<Op::kExpm1>(const ElementwiseCode& c) {
  Emitter& e = c.e;
  auto& b = c.b;
  llvm::Value* const x = c.x;
  if (is_double(x)) return emit_library_call(e, "expm1", {x});
  const FloatBits k(e, x);
  const Exponential exp = take_exponential(k, clamped(k, x, -30, 89));
  llvm::Value* const grown = exp.q(k);
  llvm::Value* const n = power_of(k, exp);
  llvm::Value* const beyond = b.CreateICmpSGT(n, k.i(127));  // 2^128 is not a float, but 2^127 twice may be
  llvm::Value* const scale = k.power_of_two(k.choose(beyond, k.i(127), n));
  llvm::Value* result = e.multiply_add(scale, grown, b.CreateFSub(scale, k.f(1.0)));
  result = b.CreateFMul(result, k.choose(beyond, k.f(2.0), k.f(1.0)));
  result = b.CreateBinaryIntrinsic(llvm::Intrinsic::copysign, result, x);
  return k.choose(k.is_nan(x), x, result);
}

llvm::Value* emit_log(Emitter& e, llvm::Value* x) {
  return is_double(x) ? emit_library_call(e, "log", {x}) : emit_corrected_log(e, x, nullptr);
}

template <>
llvm::Value* elementwise_code<Op::kLog>(const ElementwiseCode& c) {
  return emit_log(c.e, c.x);
}

/// log(u) + lost / u, where u is 1 + x rounded and u + lost is 1 + x exactly; with the sign of x, which -0 would lose.
template <>
llvm::Value* elementwise_code<Op::kLog1p>(const ElementwiseCode& c) {
  Emitter& e = c.e;
  auto& b = c.b;
  llvm::Value* const x = c.x;
  if (is_double(x)) return emit_library_call(e, "log1p", {x});
  const FloatBits k(e, x);
  llvm::Value* const u = b.CreateFAdd(x, k.f(1.0));
  llvm::Value* const above = b.CreateFCmpOGT(x, k.f(1.0));
  llvm::Value* const larger = k.choose(above, x, k.f(1.0));
  llvm::Value* const smaller = k.choose(above, k.f(1.0), x);
  llvm::Value* const lost = b.CreateFSub(smaller, b.CreateFSub(u, larger));
  llvm::Value* const result = emit_corrected_log(e, u, b.CreateFDiv(lost, u));
  return b.CreateBinaryIntrinsic(llvm::Intrinsic::copysign, result, x);
}

/// Below 0.625 the odd polynomial of Cephes' tanhf, above it 1 - 2 / (exp(2|x|) + 1) with the sign of x. f64: an odd
/// polynomial below 0.55, which interpolates (tanh(x) / x - 1) / x^2 at Chebyshev's points to 2e-17; beyond 22 the
/// result is 1.
template <>
llvm::Value* elementwise_code<Op::kTanh>(const ElementwiseCode& c) {
  Emitter& e = c.e;
  auto& b = c.b;
  llvm::Value* const x = c.x;
  const FloatBits k(e, x);
  const bool wide = is_double(x);
  llvm::Value* const magnitude = b.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, x);
  llvm::Value* const twice = b.CreateFAdd(magnitude, magnitude);
  llvm::Value* grown_and_one = nullptr;
  if (wide) {
    // 2^n + 1 is exact, so 2^n q + (2^n + 1) rounds once.
    const Exponential exp = take_exponential(k, clamped(k, twice, 0, 44));
    llvm::Value* const scale = exp.scale(k);
    grown_and_one = e.multiply_add(scale, exp.q(k), b.CreateFAdd(scale, k.f(1.0)));
  } else {
    grown_and_one = b.CreateFAdd(emit_exp(e, twice), k.f(1.0));
  }
  llvm::Value* const large = b.CreateFSub(k.f(1.0), b.CreateFDiv(k.f(2.0), grown_and_one));
  llvm::Value* const square = b.CreateFMul(x, x);
  llvm::Value* const p =
      wide ? k.polynomial(
                 square, {-2.060276533176881e-05, 8.511313678485277e-05, -0.00023463474104037718, 0.0005889360519889577,
                          -0.0014556618300963992, 0.0035921103786883857, -0.008863234397814296, 0.02186948849366694,
                          -0.053968253967434016, 0.13333333333332714, -0.3333333333333333})
           : k.polynomial(
                 square, {-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1});
  llvm::Value* const small = e.multiply_add(b.CreateFMul(p, square), x, x);
  llvm::Value* const result = k.choose(b.CreateFCmpOLT(magnitude, k.f(wide ? 0.55 : 0.625)), small, large);
  return b.CreateBinaryIntrinsic(llvm::Intrinsic::copysign, result, x);
}

/// 1 / (1 + exp(-x)): with exp(-x) = 2^n (1 + q), the sum (2^n + 1) + 2^n q rounds once, since 2^n q is exact; where
/// 2^n + 1 is not, what it lost joins the small term. Where exp(-x) overflows, the result is less than any normal
/// number.
template <>
llvm::Value* elementwise_code<Op::kSigmoid>(const ElementwiseCode& c) {
  Emitter& e = c.e;
  auto& b = c.b;
  const FloatBits k(e, c.x);
  const double most = is_double(c.x) ? 709 : 88;
  llvm::Value* const exponent = b.CreateFNeg(c.x);
  const Exponential exp = take_exponential(k, clamped(k, exponent, -40, most));
  llvm::Value* const scale = exp.scale(k);
  llvm::Value* const whole = b.CreateFAdd(scale, k.f(1.0));
  llvm::Value* const lost = b.CreateFSub(k.f(1.0), b.CreateFSub(whole, scale));
  llvm::Value* const sum = b.CreateFAdd(whole, e.multiply_add(scale, exp.q(k), lost));
  return k.choose(b.CreateFCmpOGT(exponent, k.f(most)), k.f(0.0), b.CreateFDiv(k.f(1.0), sum));
}

/// 1 - exp(p(|x|)) with the sign of x beyond 475/512, an odd polynomial below: the minimax approximations of N. Juffa's
/// erff, within 1.4 units in the last place even without fused multiply-adds. At 4, erf rounds to 1.
template <>
llvm::Value* elementwise_code<Op::kErf>(const ElementwiseCode& c) {
  Emitter& e = c.e;
  auto& b = c.b;
  llvm::Value* const x = c.x;
  if (is_double(x)) return emit_library_call(e, "erf", {x});
  const FloatBits k(e, x);
  llvm::Value* const magnitude = b.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, x);
  llvm::Value* const t = k.choose(b.CreateFCmpOGT(magnitude, k.f(4.0)), k.f(4.0), magnitude);
  llvm::Value* const square = b.CreateFMul(t, t);
  llvm::Value* p = k.polynomial(t, {-1.72853470e-5, 3.83197126e-4});
  p = e.multiply_add(p, square, k.polynomial(t, {-3.88396438e-3, 2.42546219e-2}));
  for (const double coefficient : {-1.06777877e-1, -6.34846687e-1, -1.28717512e-1})
    p = e.multiply_add(p, t, k.f(coefficient));
  p = e.multiply_add(p, t, b.CreateFNeg(t));
  llvm::Value* const large = b.CreateFSub(k.f(1.0), emit_exp(e, p));
  llvm::Value* const q = k.polynomial(
      square, {-5.96761703e-4, 4.99119423e-3, -2.67681349e-2, 1.12819925e-1, -3.76125336e-1, 1.28379166e-1});
  // Without fused multiply-adds, q * t may be subnormal and flushed where t is not; there erf is linear.
  llvm::Value* const linear = b.CreateFMul(t, k.f(2 * std::numbers::inv_sqrtpi));
  llvm::Value* const small = k.choose(b.CreateFCmpOLT(t, k.f(0x1p-100)), linear, e.multiply_add(q, t, t));
  llvm::Value* const result = k.choose(b.CreateFCmpOGT(t, k.f(0.927734375)), large, small);
  return b.CreateBinaryIntrinsic(llvm::Intrinsic::copysign, result, x);
}

/// t = q / 4 + r exactly, |r| <= 1/8: which of sine and cosine of 2 pi r it is, and its sign, follow from q. f32: the
/// coefficients of Cephes' sinf and cosf.
llvm::Value* emit_wave(Emitter& e, llvm::Value* t, llvm::Value* cosine) {
  const FloatBits k(e, t);
  auto& b = e.b;
  // Adding 1.5 * 2^23, of f64 2^52, leaves the nearest whole number in the low bits.
  llvm::Value* const shift = k.f(is_double(t) ? 0x1.8p52 : 0x1.8p23);
  llvm::Value* const shifted = b.CreateFAdd(b.CreateFMul(t, k.f(4)), shift);
  llvm::Value* const r = b.CreateFSub(t, b.CreateFMul(b.CreateFSub(shifted, shift), k.f(0.25)));
  llvm::Value* const quarter = b.CreateAdd(k.as_int(shifted), b.CreateZExt(cosine, k.ints));
  llvm::Value* const y = b.CreateFMul(r, k.f(2 * std::numbers::pi));
  llvm::Value* sin_y = nullptr;
  llvm::Value* cos_y = nullptr;
  if (is_double(t)) {
    sin_y = emit_library_call(e, "sin", {y});
    cos_y = emit_library_call(e, "cos", {y});
  } else {
    llvm::Value* const z = b.CreateFMul(y, y);
    llvm::Value* const p = k.polynomial(z, {-1.9515295891e-4, 8.3321608736e-3, -1.6666654611e-1});
    llvm::Value* const q = k.polynomial(z, {2.443315711809948e-5, -1.388731625493765e-3, 4.166664568298827e-2});
    sin_y = e.multiply_add(b.CreateFMul(p, z), y, y);
    cos_y = e.multiply_add(b.CreateFMul(q, z), z, e.multiply_add(z, k.f(-0.5), k.f(1)));
  }
  llvm::Value* const odd = b.CreateICmpNE(b.CreateAnd(quarter, k.i(1)), k.i(0));
  llvm::Value* const wave = k.choose(odd, cos_y, sin_y);
  llvm::Value* const negative = b.CreateICmpNE(b.CreateAnd(quarter, k.i(2)), k.i(0));
  return k.choose(negative, b.CreateFNeg(wave), wave);
}

/// Zero for each subnormal number, with its sign: the C library takes such a number apart, which yields nonsense where
/// the CPU reads it as zero.
static llvm::Value* flush_subnormals(Emitter& e, llvm::Value* x) {
  auto& b = e.b;
  const llvm::fltSemantics& semantics = x->getType()->getScalarType()->getFltSemantics();
  llvm::Value* const least = llvm::ConstantFP::get(x->getType(), llvm::APFloat::getSmallestNormalized(semantics));
  llvm::Value* const small = b.CreateFCmpOLT(b.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, x), least);
  llvm::Value* const zero =
      b.CreateBinaryIntrinsic(llvm::Intrinsic::copysign, llvm::Constant::getNullValue(x->getType()), x);
  return b.CreateSelect(small, zero, x);
}

llvm::Value* emit_library_call(Emitter& e, const std::string& name, const std::vector<llvm::Value*>& arguments) {
  auto& b = e.b;
  llvm::Type* const scalar = arguments[0]->getType()->getScalarType();
  const std::vector<llvm::Type*> types(arguments.size(), scalar);
  const auto callee = e.module.getOrInsertFunction(scalar->isDoubleTy() ? name : name + "f",
                                                   llvm::FunctionType::get(scalar, types, false));
  const int lanes = lanes_of(arguments[0]);
  std::vector<llvm::Value*> flushed;
  for (llvm::Value* argument : arguments) flushed.push_back(flush_subnormals(e, argument));
  if (lanes == 1) return b.CreateCall(callee, flushed);
  llvm::Value* result = llvm::PoisonValue::get(arguments[0]->getType());
  for (int lane = 0; lane < lanes; ++lane) {
    std::vector<llvm::Value*> one;
    for (llvm::Value* argument : flushed)
      one.push_back(b.CreateExtractElement(argument, static_cast<std::uint64_t>(lane)));
    result = b.CreateInsertElement(result, b.CreateCall(callee, one), static_cast<std::uint64_t>(lane));
  }
  return result;
}

}  // namespace sluice::backend
