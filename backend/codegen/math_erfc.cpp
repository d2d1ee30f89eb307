#include <span>

#include "backend/codegen/elementwise_code.h"
#include "backend/codegen/exponential.h"

namespace sluice::backend {

using ir::Op;

namespace {

/// (a + 1) exp(a^2) erfc(a) - 11/16 by powers of 1/(a + 1) - 1/2, interpolated at Chebyshev's points for the a whose
/// erfc(a) is a normal number: 8e-9 and 3e-17 at most. Between -1/8 and 1/3, so that it rounds finely. The highest
/// coefficient is first.
constexpr double kMiddle = 0.6875;
constexpr double kScaledF32[] = {0.5156116485595703,  -0.9560929536819458,  0.5295424461364746,   0.22475917637348175,
                                 -0.5913466215133667, 0.47393888235092163,  -0.07916077971458435, -0.30565324425697327,
                                 0.40636253356933594, -0.11126790940761566, -0.3822261095046997,  0.47536179423332214,
                                 0.16766715049743652};
constexpr double kScaledF64[] = {
    1885.5040207839588,  -1247.6838957214707,  -4185.750063143071,  3657.185747009036,    3050.8452334020426,
    -3708.461808622955,  -693.5482868684262,   1741.176953568488,   -106.93962121395535,  -411.140882004107,
    27.49415094694255,   88.45870316377251,    1.6617005572046046,  -30.7482759120597,    14.39403653033013,
    -3.1622166923035313, -1.3176072433137511,  3.653954097710541,   -3.892698732181373,   2.485983615576165,
    -0.6268646267256777, -0.7609635024220055,  1.2901106838872285,  -1.0390670124204993,  0.3744385112437143,
    0.2693979217389101,  -0.5794557276735712,  0.46884727801731446, -0.07943823927625315, -0.30542426990365734,
    0.40635725224621283, -0.11127155815520023, -0.3822258999372336, 0.47536181364796043,  0.167667152311614};

/// Horner's rule by even and by odd powers: half as many steps that wait for each other.
llvm::Value* by_even_and_odd(const FloatBits& k, llvm::Value* x, std::span<const double> coefficients) {
  llvm::Value* const square = k.e.b.CreateFMul(x, x);
  llvm::Value* sums[] = {nullptr, nullptr};
  for (std::size_t i = 0; i < coefficients.size(); ++i) {
    llvm::Value*& sum = sums[(coefficients.size() - 1 - i) % 2];
    llvm::Value* const coefficient = k.f(coefficients[i]);
    sum = sum == nullptr ? coefficient : k.e.multiply_add(sum, square, coefficient);
  }
  return k.e.multiply_add(sums[1], x, sums[0]);
}

}  // namespace

/// exp(-a^2) s / (a + 1) for a = |x| and s = 11/16 + kScaled, 2 minus that for negative x. The rounding errors of a^2,
/// of a + 1, of the dividend and of the quotient are computed and made good, because each of them is half a unit of the
/// result or more.
template <>
llvm::Value* elementwise_code<Op::kErfc>(const ElementwiseCode& c) {
  Emitter& e = c.e;
  auto& b = c.b;
  llvm::Value* const x = c.x;
  const FloatBits k(e, x);
  const bool wide = is_double(x);
  // Beyond it the result is less than any normal number.
  llvm::Value* const last = k.f(wide ? 26.543258454250981 : 9.1945494);
  llvm::Value* a = k.magnitude(x);
  a = k.choose(b.CreateFCmpOGT(a, last), last, a);
  llvm::Value* const square = b.CreateFMul(a, a);
  llvm::Value* const lost = b.CreateFNeg(product_error(k, a, a, square));
  const Exponential exp = take_exponential(k, b.CreateFNeg(square), lost);

  llvm::Value* const middle = k.f(kMiddle);
  llvm::Value* const one = k.f(1);
  llvm::Value* const divisor = b.CreateFAdd(a, one);
  llvm::Value* const inverse = b.CreateFDiv(one, divisor);
  llvm::Value* const scaled =
      by_even_and_odd(k, b.CreateFSub(inverse, k.f(0.5)),
                      wide ? std::span<const double>(kScaledF64) : std::span<const double>(kScaledF32));
  // s (1 + q) = 11/16 + (scaled + q s)
  llvm::Value* const q = exp.q(k);
  llvm::Value* const factor = b.CreateFAdd(scaled, middle);
  llvm::Value* const above = e.multiply_add(q, factor, scaled);
  llvm::Value* const dividend = b.CreateFAdd(above, middle);
  llvm::Value* const quotient = b.CreateFMul(dividend, inverse);

  llvm::Value* dividend_lost = b.CreateFSub(above, b.CreateFSub(dividend, middle));
  llvm::Value* const divisor_lost = b.CreateFSub(a, b.CreateFSub(divisor, one));
  llvm::Value* remainder = nullptr;
  if (e.target.fma) {
    remainder = e.multiply_add(b.CreateFNeg(divisor), quotient, dividend);
  } else {
    llvm::Value* const added = b.CreateFMul(q, factor);
    dividend_lost = b.CreateFAdd(dividend_lost, product_error(k, q, factor, added));
    llvm::Value* const product = b.CreateFMul(divisor, quotient);
    remainder = b.CreateFSub(b.CreateFSub(dividend, product), product_error(k, divisor, quotient, product));
  }
  remainder = b.CreateFAdd(remainder, e.multiply_add(b.CreateFNeg(divisor_lost), quotient, dividend_lost));
  llvm::Value* const mantissa = e.multiply_add(remainder, inverse, quotient);

  // The result is a normal number, so n is added to the mantissa's exponent.
  llvm::Value* const power = b.CreateShl(k.as_int(exp.shifted), k.i(wide ? 52 : 23));
  llvm::Value* tail = k.as_float(b.CreateAdd(k.as_int(mantissa), power));
  tail = k.choose(b.CreateFCmpOGT(x, last), k.f(0), tail);
  tail = k.choose(b.CreateFCmpOLT(x, k.f(0)), b.CreateFSub(k.f(2), tail), tail);
  return k.choose(k.is_nan(x), x, tail);
}

}  // namespace sluice::backend
