#include "backend/codegen/exponential.h"

#include <numbers>

namespace sluice::backend {

llvm::Value* Exponential::q(const FloatBits& k) const { return k.e.multiply_add(k.e.b.CreateFMul(r, r), p, r); }

llvm::Value* Exponential::scale(const FloatBits& k) const {
  auto& b = k.e.b;
  const bool wide = k.floats->getScalarType()->isDoubleTy();
  llvm::Value* const biased = b.CreateAdd(k.as_int(shifted), k.i(wide ? 1023 : 127));
  return k.as_float(b.CreateShl(biased, k.i(wide ? 52 : 23)));
}

/// ln 2 is subtracted in two parts (Cody and Waite), the upper of which times n is exact. f32 has the coefficients of
/// Cephes' expf; those of f64 interpolate p at Chebyshev's points: 2.5e-18 at most.
Exponential take_exponential(const FloatBits& k, llvm::Value* x, llvm::Value* low) {
  Emitter& e = k.e;
  const bool wide = is_double(x);
  // Adding 1.5 * 2^23, of f64 2^52, leaves the nearest whole number in the low bits.
  llvm::Value* const shift = k.f(wide ? 0x1.8p52 : 0x1.8p23);
  llvm::Value* const shifted = e.multiply_add(x, k.f(std::numbers::log2e), shift);
  llvm::Value* const whole = e.b.CreateFSub(shifted, shift);
  llvm::Value* r = e.multiply_add(whole, k.f(wide ? -0x1.62e42feep-1 : -0.693359375), x);
  llvm::Value* const rest = k.f(wide ? -1.90821492927058770002e-10 : 2.12194440e-4);
  r = low == nullptr ? e.multiply_add(whole, rest, r) : e.b.CreateFAdd(r, e.multiply_add(whole, rest, low));
  llvm::Value* const p =
      wide
          ? k.polynomial(r, {2.0914755334632514e-09, 2.510531272947239e-08, 2.755727347869488e-07,
                             2.755725517000125e-06, 2.4801587325677484e-05, 0.0001984126987500228,
                             0.0013888888888883711, 0.008333333333326084, 0.04166666666666667, 0.1666666666666667, 0.5})
          : k.polynomial(r, {1.9875691500e-4, 1.3981999507e-3, 8.3334519073e-3, 4.1665795894e-2, 1.6666665459e-1,
                             5.0000001201e-1});
  return {shifted, whole, r, p};
}

/// Without fused multiply-adds both factors are cut in halves, whose products are exact (Dekker).
llvm::Value* product_error(const FloatBits& k, llvm::Value* x, llvm::Value* y, llvm::Value* product) {
  Emitter& e = k.e;
  auto& b = e.b;
  if (e.target.fma) return e.multiply_add(x, y, b.CreateFNeg(product));
  llvm::Value* const upper = k.i(is_double(x) ? ~std::uint64_t{0x7ffffff} : 0xfffff000);
  llvm::Value* const x_high = k.as_float(b.CreateAnd(k.as_int(x), upper));
  llvm::Value* const y_high = k.as_float(b.CreateAnd(k.as_int(y), upper));
  llvm::Value* const x_low = b.CreateFSub(x, x_high);
  llvm::Value* const y_low = b.CreateFSub(y, y_high);
  llvm::Value* error = b.CreateFSub(b.CreateFMul(x_high, y_high), product);
  error = b.CreateFAdd(error, b.CreateFMul(x_high, y_low));
  error = b.CreateFAdd(error, b.CreateFMul(x_low, y_high));
  return b.CreateFAdd(error, b.CreateFMul(x_low, y_low));
}

}  // namespace sluice::backend
