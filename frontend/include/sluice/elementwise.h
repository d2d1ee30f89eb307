#pragma once

#include "sluice/tensor.h"

// Elementwise functions, by TensorFlow's names. Two operands broadcast by NumPy's rule and have one dtype; a C++ number
// takes that of the tensor. What each means at the edges (NaN, overflow, ties) stands in its row of sluice/ir/ops.def.
// All throw Error at the user's line if shapes or dtypes do not fit.
namespace sluice {

// Of two tensors of numbers: floats or integers, pow of floats alone.

Tensor add(const Operand& x, const Operand& y);
Tensor subtract(const Operand& x, const Operand& y);
Tensor multiply(const Operand& x, const Operand& y);
/// Throws Error for integers: x / 255 of bytes would be 0 or 1.
Tensor divide(const Operand& x, const Operand& y);
/// Of integers: x / y without what is behind the point, so -7 and 2 give -3, and x / 0 is 0.
Tensor truncatediv(const Operand& x, const Operand& y);
Tensor pow(const Operand& x, const Operand& y);
Tensor maximum(const Operand& x, const Operand& y);
Tensor minimum(const Operand& x, const Operand& y);

// Comparisons give bools; equal and not_equal take bools, too.

Tensor equal(const Operand& x, const Operand& y);
Tensor not_equal(const Operand& x, const Operand& y);
Tensor less(const Operand& x, const Operand& y);
Tensor less_equal(const Operand& x, const Operand& y);
Tensor greater(const Operand& x, const Operand& y);
Tensor greater_equal(const Operand& x, const Operand& y);

// Of bools.

Tensor logical_and(const Operand& x, const Operand& y);
Tensor logical_or(const Operand& x, const Operand& y);
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
Tensor select(const Operand& condition, const Operand& x, const Operand& y);
/// NumPy's name for select.
Tensor where(const Operand& condition, const Operand& x, const Operand& y);
/// x, but at least `low` and at most `high`, which broadcast. Where x equals one of them, the derivative by x is 1, as
/// TensorFlow's.
Tensor clip_by_value(const Arg& x, const Operand& low, const Operand& high);

}  // namespace sluice
