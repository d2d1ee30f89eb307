#include "backend/codegen/math.h"

#include <llvm/IR/Intrinsics.h>

namespace sluice::backend {

namespace {

int lanes_of(llvm::Value* x) {
  const auto* const vector = llvm::dyn_cast<llvm::FixedVectorType>(x->getType());
  return vector == nullptr ? 1 : static_cast<int>(vector->getNumElements());
}

bool is_double(llvm::Value* x) { return x->getType()->getScalarType()->isDoubleTy(); }

/// Float and integer vectors of the shape of x, for code that works on the bits of f32.
struct Bits {
  Emitter& e;
  llvm::Type* floats;
  llvm::Type* ints;

  Bits(Emitter& emitter, llvm::Value* x)
      : e(emitter), floats(x->getType()), ints(Emitter::vector_of(emitter.b.getInt32Ty(), lanes_of(x))) {}

  llvm::Value* f(double value) const { return llvm::ConstantFP::get(floats, value); }
  llvm::Value* i(std::uint32_t value) const { return llvm::ConstantInt::get(ints, value); }
  llvm::Value* as_int(llvm::Value* x) const { return e.b.CreateBitCast(x, ints); }
  llvm::Value* as_float(llvm::Value* x) const { return e.b.CreateBitCast(x, floats); }
  llvm::Value* is_nan(llvm::Value* x) const { return e.b.CreateFCmpUNO(x, x); }
  llvm::Value* choose(llvm::Value* condition, llvm::Value* x, llvm::Value* y) const {
    return e.b.CreateSelect(condition, x, y);
  }

  /// Horner's rule, the highest coefficient first.
  llvm::Value* polynomial(llvm::Value* x, std::initializer_list<double> coefficients) const {
    llvm::Value* sum = nullptr;
    for (const double coefficient : coefficients)
      sum = sum == nullptr ? f(coefficient) : e.multiply_add(sum, x, f(coefficient));
    return sum;
  }
  /// 2 to the power of whole numbers in [-126, 127].
  llvm::Value* power_of_two(llvm::Value* n) const { return as_float(e.b.CreateShl(e.b.CreateAdd(n, i(127)), i(23))); }
};

}  // namespace

namespace {

/// x = n ln 2 + r with |r| <= ln(2)/2, and exp(r) - 1 = r + r^2 p(r).
struct ReducedExponent {
  llvm::Value* n;
  llvm::Value* r;
  llvm::Value* p;
};

/// ln 2 is subtracted in two parts (Cody and Waite); p holds the coefficients of Cephes' expf. x is clamped to [low,
/// 89].
ReducedExponent reduce_exponent(const Bits& k, llvm::Value* x, double low) {
  Emitter& e = k.e;
  auto& b = e.b;
  llvm::Value* clamped = k.choose(b.CreateFCmpOGT(x, k.f(89.0)), k.f(89.0), x);
  clamped = k.choose(b.CreateFCmpOLT(clamped, k.f(low)), k.f(low), clamped);
  // Adding 1.5 * 2^23 leaves the nearest whole number in the low bits; on every vector width, with one addition.
  llvm::Value* const shifted = e.multiply_add(clamped, k.f(1.44269504088896341), k.f(12582912.0));
  llvm::Value* const n = b.CreateSub(k.as_int(shifted), k.as_int(k.f(12582912.0)));
  llvm::Value* const whole = b.CreateFSub(shifted, k.f(12582912.0));
  llvm::Value* r = e.multiply_add(whole, k.f(-0.693359375), clamped);
  r = e.multiply_add(whole, k.f(2.12194440e-4), r);
  llvm::Value* const p = k.polynomial(
      r, {1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1, 5.0000001201e-1});
  return {n, r, p};
}

/// log(x) + correction = n ln 2 + log(m) + correction, m in [sqrt(1/2), sqrt(2)), log(1 + f) = f - f^2/2 + f^3 p(f)
/// with the coefficients of Cephes' logf. The correction, which is small, joins the small terms.
llvm::Value* emit_corrected_log(Emitter& e, llvm::Value* x, llvm::Value* correction) {
  const Bits k(e, x);
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

}  // namespace

/// 2^n (1 + r + r^2 p). 2^n is applied in two halves, since n = 128 is not a float's exponent.
llvm::Value* emit_exp(Emitter& e, llvm::Value* x) {
  if (is_double(x)) return emit_library_call(e, "exp", {x});
  const Bits k(e, x);
  auto& b = e.b;
  const auto [n, r, p] = reduce_exponent(k, x, -104.0);
  llvm::Value* result = e.multiply_add(b.CreateFMul(r, r), p, b.CreateFAdd(r, k.f(1.0)));
  llvm::Value* const half = b.CreateAShr(n, k.i(1));
  result = b.CreateFMul(b.CreateFMul(result, k.power_of_two(half)), k.power_of_two(b.CreateSub(n, half)));
  return k.choose(k.is_nan(x), x, result);
}

/// 2^n (exp(r) - 1) + (2^n - 1), with the sign of x, which -0 would lose.
llvm::Value* emit_expm1(Emitter& e, llvm::Value* x) {
  if (is_double(x)) return emit_library_call(e, "expm1", {x});
  const Bits k(e, x);
  auto& b = e.b;
  const auto [n, r, p] = reduce_exponent(k, x, -30.0);
  llvm::Value* const grown = e.multiply_add(b.CreateFMul(r, r), p, r);
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

/// log(u) + c / u, where u is 1 + x rounded and u + c is 1 + x exactly; with the sign of x, which -0 would lose.
llvm::Value* emit_log1p(Emitter& e, llvm::Value* x) {
  if (is_double(x)) return emit_library_call(e, "log1p", {x});
  const Bits k(e, x);
  auto& b = e.b;
  llvm::Value* const u = b.CreateFAdd(x, k.f(1.0));
  llvm::Value* const above = b.CreateFCmpOGT(x, k.f(1.0));
  llvm::Value* const larger = k.choose(above, x, k.f(1.0));
  llvm::Value* const smaller = k.choose(above, k.f(1.0), x);
  llvm::Value* const c = b.CreateFSub(smaller, b.CreateFSub(u, larger));
  llvm::Value* const result = emit_corrected_log(e, u, b.CreateFDiv(c, u));
  return b.CreateBinaryIntrinsic(llvm::Intrinsic::copysign, result, x);
}

/// Below 0.625 the odd polynomial of Cephes' tanhf, above it 1 - 2 / (exp(2|x|) + 1) with the sign of x.
llvm::Value* emit_tanh(Emitter& e, llvm::Value* x) {
  if (is_double(x)) return emit_library_call(e, "tanh", {x});
  const Bits k(e, x);
  auto& b = e.b;
  llvm::Value* const magnitude = b.CreateUnaryIntrinsic(llvm::Intrinsic::fabs, x);
  llvm::Value* const grown = emit_exp(e, b.CreateFAdd(magnitude, magnitude));
  llvm::Value* const large = b.CreateFSub(k.f(1.0), b.CreateFDiv(k.f(2.0), b.CreateFAdd(grown, k.f(1.0))));
  llvm::Value* const signed_large = b.CreateBinaryIntrinsic(llvm::Intrinsic::copysign, large, x);
  llvm::Value* const square = b.CreateFMul(x, x);
  llvm::Value* const p = k.polynomial(
      square, {-5.70498872745e-3, 2.06390887954e-2, -5.37397155531e-2, 1.33314422036e-1, -3.33332819422e-1});
  llvm::Value* const small = e.multiply_add(b.CreateFMul(p, square), x, x);
  return k.choose(b.CreateFCmpOLT(magnitude, k.f(0.625)), small, signed_large);
}

llvm::Value* emit_sigmoid(Emitter& e, llvm::Value* x) {
  auto& b = e.b;
  llvm::Value* const one = llvm::ConstantFP::get(x->getType(), 1.0);
  return b.CreateFDiv(one, b.CreateFAdd(one, emit_exp(e, b.CreateFNeg(x))));
}

llvm::Value* emit_library_call(Emitter& e, const std::string& name, const std::vector<llvm::Value*>& arguments) {
  auto& b = e.b;
  llvm::Type* const scalar = arguments[0]->getType()->getScalarType();
  const std::vector<llvm::Type*> types(arguments.size(), scalar);
  const auto callee = e.module.getOrInsertFunction(scalar->isDoubleTy() ? name : name + "f",
                                                   llvm::FunctionType::get(scalar, types, false));
  const int lanes = lanes_of(arguments[0]);
  if (lanes == 1) return b.CreateCall(callee, arguments);
  llvm::Value* result = llvm::PoisonValue::get(arguments[0]->getType());
  for (int lane = 0; lane < lanes; ++lane) {
    std::vector<llvm::Value*> one;
    for (llvm::Value* argument : arguments)
      one.push_back(b.CreateExtractElement(argument, static_cast<std::uint64_t>(lane)));
    result = b.CreateInsertElement(result, b.CreateCall(callee, one), static_cast<std::uint64_t>(lane));
  }
  return result;
}

}  // namespace sluice::backend
