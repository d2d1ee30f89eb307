#pragma once

#include <cmath>
#include <cstdlib>

#include "sluice/tensor.h"

// Elementwise functions, by TensorFlow's names. Two operands broadcast by NumPy's rule and have one dtype; a C++ number
// takes that of the tensor. What each means at the edges (NaN, overflow, ties) stands in its row of sluice/ir/ops.def.
// All throw Error at the user's line if shapes or dtypes do not fit.
namespace sluice {

// The functions of C++'s numbers by the same names, so that `using namespace sluice` hides none of them.
using std::abs;
using std::exp;
using std::expm1;
using std::floor;
using std::log;
using std::log1p;
using std::pow;
using std::sqrt;
using std::tanh;

// Of two tensors of numbers: floats or integers, pow of floats alone.

Tensor add(const TensorOrNumber& x, const TensorOrNumber& y);
Tensor subtract(const TensorOrNumber& x, const TensorOrNumber& y);
Tensor multiply(const TensorOrNumber& x, const TensorOrNumber& y);
/// Throws Error for integers: x / 255 of bytes would be 0 or 1.
Tensor divide(const TensorOrNumber& x, const TensorOrNumber& y);
/// Of integers: x / y without what is behind the point, so -7 and 2 give -3, and x / 0 is 0.
Tensor truncatediv(const TensorOrNumber& x, const TensorOrNumber& y);
/// Of integers: what is left of x / y, with the sign of y as NumPy's mod, so mod(-7, 2) is 1; mod(x, 0) is x.
Tensor mod(const TensorOrNumber& x, const TensorOrNumber& y);
Tensor pow(const TensorOrNumber& x, const TensorOrNumber& y);
Tensor maximum(const TensorOrNumber& x, const TensorOrNumber& y);
Tensor minimum(const TensorOrNumber& x, const TensorOrNumber& y);

// Comparisons give bools; equal and not_equal take bools, too.

Tensor equal(const TensorOrNumber& x, const TensorOrNumber& y);
Tensor not_equal(const TensorOrNumber& x, const TensorOrNumber& y);
Tensor less(const TensorOrNumber& x, const TensorOrNumber& y);
Tensor less_equal(const TensorOrNumber& x, const TensorOrNumber& y);
Tensor greater(const TensorOrNumber& x, const TensorOrNumber& y);
Tensor greater_equal(const TensorOrNumber& x, const TensorOrNumber& y);

// Of bools.

Tensor logical_and(const TensorOrNumber& x, const TensorOrNumber& y);
Tensor logical_or(const TensorOrNumber& x, const TensorOrNumber& y);
Tensor logical_not(const Arg& x);

// Of one tensor, with the result of its type. exp, expm1, log, log1p, sqrt, rsqrt, tanh, sigmoid and floor take floats,
// the others integers, too.

Tensor negative(const Arg& x);
Tensor abs(const Arg& x);
Tensor exp(const Arg& x);
/// exp(x) - 1, accurate near 0, too.
Tensor expm1(const Arg& x);
Tensor log(const Arg& x);
/// log(1 + x), accurate near 0, too.
Tensor log1p(const Arg& x);
Tensor sqrt(const Arg& x);
Tensor rsqrt(const Arg& x);
Tensor tanh(const Arg& x);
Tensor sigmoid(const Arg& x);
/// max(x, 0); its derivative at 0 is 0.
Tensor relu(const Arg& x);
/// x, but at least 0 and at most 6; its derivative at 0 and 6 is 0, as TensorFlow's.
Tensor relu6(const Arg& x);
/// relu6(x + 3) / 6, as Keras's; its derivative at -3 and 3 is 0.
Tensor hard_sigmoid(const Arg& x);
Tensor square(const Arg& x);
Tensor sign(const Arg& x);
Tensor floor(const Arg& x);
/// x itself: the activation of a layer that has none.
Tensor identity(const Arg& x);
/// x, through which no derivative passes.
Tensor stop_gradient(const Arg& x);

/// x converted to `dtype`, floats to integers towards zero; x itself if it has it.
Tensor cast(const Arg& x, DType dtype);
/// x where the bool `condition` holds, else y; all three broadcast.
Tensor select(const TensorOrNumber& condition, const TensorOrNumber& x, const TensorOrNumber& y);
/// NumPy's name for select.
Tensor where(const TensorOrNumber& condition, const TensorOrNumber& x, const TensorOrNumber& y);
/// x, but at least `low` and at most `high`, which broadcast. Where x equals one of them, the derivative by x is 1, as
/// TensorFlow's.
Tensor clip_by_value(const Arg& x, const TensorOrNumber& low, const TensorOrNumber& high);

}  // namespace sluice
