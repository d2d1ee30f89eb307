#pragma once

#include <cmath>
#include <cstdlib>

#include "sluice/tensor.h"

// Elementwise functions, by TensorFlow's names. Two operands broadcast by NumPy's rule and have one dtype; a C++ number
// takes the tensor's. The rows of sluice/ir/ops.def define the edge cases (NaN, overflow, ties). All throw Error at the
// user's line if shapes or dtypes do not fit.
namespace sluice {

// C++'s functions on numbers with the same names, so that `using namespace sluice` hides none of them.
using std::abs;
using std::acos;
using std::acosh;
using std::asin;
using std::asinh;
using std::atan;
using std::atan2;
using std::atanh;
using std::ceil;
using std::cos;
using std::cosh;
using std::erf;
using std::erfc;
using std::exp;
using std::expm1;
using std::floor;
using std::isfinite;
using std::isinf;
using std::isnan;
using std::log;
using std::log10;
using std::log1p;
using std::log2;
using std::pow;
using std::round;
using std::sin;
using std::sinh;
using std::sqrt;
using std::tan;
using std::tanh;
using std::trunc;

namespace detail {
/// Returns the result of an op with one operand and no attributes. Throws Error at the user's line if the op does not
/// accept x.
Tensor unary(ir::Op op, const Arg& x);
}  // namespace detail

// Two tensors of numbers, floats or integers; pow takes only floats.

Tensor add(const TensorOrNumber& x, const TensorOrNumber& y);
Tensor subtract(const TensorOrNumber& x, const TensorOrNumber& y);
Tensor multiply(const TensorOrNumber& x, const TensorOrNumber& y);
/// Throws Error for integers: x / 255 on bytes would be 0 or 1.
Tensor divide(const TensorOrNumber& x, const TensorOrNumber& y);
/// Integer division that truncates toward zero: -7 and 2 give -3, and x / 0 is 0.
Tensor truncatediv(const TensorOrNumber& x, const TensorOrNumber& y);
/// The remainder with the sign of y, as NumPy's mod: mod(-7, 2) is 1. Integers: mod(x, 0) is x. Floats: mod(x, 0) is
/// NaN; exact for f32 as long as |x / y| < 2^29; derivatives take floor(x / y) as constant.
Tensor mod(const TensorOrNumber& x, const TensorOrNumber& y);
Tensor pow(const TensorOrNumber& x, const TensorOrNumber& y);
Tensor maximum(const TensorOrNumber& x, const TensorOrNumber& y);
Tensor minimum(const TensorOrNumber& x, const TensorOrNumber& y);

// Comparisons return bools; equal and not_equal also take bools.

Tensor equal(const TensorOrNumber& x, const TensorOrNumber& y);
Tensor not_equal(const TensorOrNumber& x, const TensorOrNumber& y);
Tensor less(const TensorOrNumber& x, const TensorOrNumber& y);
Tensor less_equal(const TensorOrNumber& x, const TensorOrNumber& y);
Tensor greater(const TensorOrNumber& x, const TensorOrNumber& y);
Tensor greater_equal(const TensorOrNumber& x, const TensorOrNumber& y);

// Bools.

Tensor logical_and(const TensorOrNumber& x, const TensorOrNumber& y);
Tensor logical_or(const TensorOrNumber& x, const TensorOrNumber& y);
inline Tensor logical_not(const Arg& x) { return detail::unary(ir::Op::kLogicalNot, x); }

// One tensor; the result has its type. abs, negative, relu, sign and square take integers as well as floats, the others
// only floats.

inline Tensor negative(const Arg& x) { return detail::unary(ir::Op::kNeg, x); }
inline Tensor abs(const Arg& x) { return detail::unary(ir::Op::kAbs, x); }
inline Tensor exp(const Arg& x) { return detail::unary(ir::Op::kExp, x); }
/// exp(x) - 1, accurate near 0.
inline Tensor expm1(const Arg& x) { return detail::unary(ir::Op::kExpm1, x); }
inline Tensor log(const Arg& x) { return detail::unary(ir::Op::kLog, x); }
/// log(1 + x), accurate near 0.
inline Tensor log1p(const Arg& x) { return detail::unary(ir::Op::kLog1p, x); }
inline Tensor sqrt(const Arg& x) { return detail::unary(ir::Op::kSqrt, x); }
inline Tensor rsqrt(const Arg& x) { return detail::unary(ir::Op::kRsqrt, x); }
inline Tensor tanh(const Arg& x) { return detail::unary(ir::Op::kTanh, x); }
inline Tensor sigmoid(const Arg& x) { return detail::unary(ir::Op::kSigmoid, x); }
/// The error function, 2 / sqrt(pi) times the integral of exp(-t^2) over t from 0 to x.
inline Tensor erf(const Arg& x) { return detail::unary(ir::Op::kErf, x); }
/// 1 - erf(x), accurate even where erf(x) is almost 1.
inline Tensor erfc(const Arg& x) { return detail::unary(ir::Op::kErfc, x); }
/// Angles are in radians and may be of any size; infinities yield NaN.
inline Tensor sin(const Arg& x) { return detail::unary(ir::Op::kSin, x); }
inline Tensor cos(const Arg& x) { return detail::unary(ir::Op::kCos, x); }
inline Tensor tan(const Arg& x) { return detail::unary(ir::Op::kTan, x); }
inline Tensor atan(const Arg& x) { return detail::unary(ir::Op::kAtan, x); }
inline Tensor sinh(const Arg& x) { return detail::unary(ir::Op::kSinh, x); }
inline Tensor cosh(const Arg& x) { return detail::unary(ir::Op::kCosh, x); }
/// NaN outside of [-1, 1], where the derivative at both ends is infinite.
Tensor asin(const Arg& x);
Tensor acos(const Arg& x);
/// The angle of the point (x, y), in [-pi, pi]; of (0, 0) it is 0 and has derivatives 0, whatever the signs of the
/// zeros. y and x are named in NumPy's and C's order.
Tensor atan2(const TensorOrNumber& y, const TensorOrNumber& x);
Tensor asinh(const Arg& x);
/// NaN below 1.
Tensor acosh(const Arg& x);
/// Infinite at -1 and 1, NaN beyond them.
Tensor atanh(const Arg& x);
Tensor log2(const Arg& x);
Tensor log10(const Arg& x);
/// 1 / x of floats.
Tensor reciprocal(const Arg& x);
/// max(x, 0); its derivative at 0 is 0.
inline Tensor relu(const Arg& x) { return detail::unary(ir::Op::kRelu, x); }
/// x clamped to [0, 6]; its derivative at 0 and 6 is 0, as in TensorFlow.
Tensor relu6(const Arg& x);
/// relu6(x + 3) / 6, as in Keras; its derivative at -3 and 3 is 0.
Tensor hard_sigmoid(const Arg& x);
inline Tensor square(const Arg& x) { return detail::unary(ir::Op::kSquare, x); }
inline Tensor sign(const Arg& x) { return detail::unary(ir::Op::kSign, x); }
inline Tensor floor(const Arg& x) { return detail::unary(ir::Op::kFloor, x); }
/// The least whole number that is not below x; its derivative is 0, as those of floor, round and trunc.
Tensor ceil(const Arg& x);
/// The nearest whole number, of two the even one, as NumPy's and TensorFlow's; C's round takes the one away from 0.
inline Tensor round(const Arg& x) { return detail::unary(ir::Op::kRound, x); }
/// The whole number nearest to x between 0 and x.
Tensor trunc(const Arg& x);

// Of floats; the result is bool.

Tensor isnan(const Arg& x);
Tensor isinf(const Arg& x);
/// True unless x is infinite or NaN.
Tensor isfinite(const Arg& x);
/// x itself: the activation of a layer without one.
Tensor identity(const Arg& x);
/// x, through which no derivative passes.
inline Tensor stop_gradient(const Arg& x) { return detail::unary(ir::Op::kStopGradient, x); }

/// x converted to `dtype`, floats to integers toward zero; x itself if it already has that dtype.
Tensor cast(const Arg& x, DType dtype);
/// x where the bool `condition` holds, else y; all three broadcast.
Tensor select(const TensorOrNumber& condition, const TensorOrNumber& x, const TensorOrNumber& y);
/// NumPy's name for select.
Tensor where(const TensorOrNumber& condition, const TensorOrNumber& x, const TensorOrNumber& y);
/// x clamped to [low, high], which broadcast. Where x equals a bound, the derivative with respect to x is 1, as in
/// TensorFlow.
Tensor clip_by_value(const Arg& x, const TensorOrNumber& low, const TensorOrNumber& high);

}  // namespace sluice
