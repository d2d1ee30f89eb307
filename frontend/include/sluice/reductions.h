#pragma once

#include <concepts>

#include "sluice/reduce.h"
#include "sluice/tensor.h"

// Reductions composed of those in sluice/reduce.h, by TensorFlow's names. The result has the dtype of x and its shape
// without the axes, all of which are folded by default, and by options without axes. They throw Error at the user's
// line for an axis out of range and for a dtype that they do not take.
namespace sluice {

/// Returns the i64 index of the minimum along `axis`, which is removed. NaN compares least, and ties go to the lower
/// index. Takes numbers of any dtype.
Tensor argmin(const Arg& x, int axis);

/// Returns the product of numbers; 1 over no element. Integers wrap around. The elements are multiplied pairwise, not
/// in their order, so the sizes of the axes are numbers. The derivative by an element is the product of the others,
/// also where some are 0.
Tensor reduce_prod(const Arg& x, const Axes& axes = {}, ReduceOptions options = {});

/// Returns whether any bool holds; false over no element.
Tensor reduce_any(const Arg& x, const Axes& axes = {}, ReduceOptions options = {});
/// Returns whether all bools hold; true over no element.
Tensor reduce_all(const Arg& x, const Axes& axes = {}, ReduceOptions options = {});

/// Returns log(sum(exp(x))) of floats without overflow: -inf if all elements are -inf, or if there is none, and inf if
/// one is inf. The derivative is softmax(x); 0 where all are -inf, and NaN for an inf.
Tensor reduce_logsumexp(const Arg& x, const Axes& axes = {}, ReduceOptions options = {});

struct NormOptions {
  double ord = 2;         ///< 1: the sum of magnitudes, 2: the length, infinity: the largest magnitude
  bool keepdims = false;  ///< keep the folded axes, with size 1
};
/// Returns the norm of the vectors of floats along the axes; 0 over no element. Squares neither overflow nor underflow.
/// The derivative at a vector of zeros is 0, as in PyTorch. For a matrix this is the norm of its elements (Frobenius).
Tensor norm(const Arg& x, const Axes& axes = {}, NormOptions options = {});

/// Returns the standard deviation of floats: the root of the mean of the squared distances from the mean (divided by n,
/// as in TensorFlow). Its derivative is 0 where all elements are equal.
Tensor reduce_std(const Arg& x, const Axes& axes = {}, ReduceOptions options = {});

// Options without axes: see sluice/reduce.h.
template <std::same_as<ReduceOptions> Options = ReduceOptions>
Tensor reduce_prod(const Arg& x, Options options) {
  return reduce_prod(x, Axes(), options);
}
template <std::same_as<ReduceOptions> Options = ReduceOptions>
Tensor reduce_any(const Arg& x, Options options) {
  return reduce_any(x, Axes(), options);
}
template <std::same_as<ReduceOptions> Options = ReduceOptions>
Tensor reduce_all(const Arg& x, Options options) {
  return reduce_all(x, Axes(), options);
}
template <std::same_as<ReduceOptions> Options = ReduceOptions>
Tensor reduce_logsumexp(const Arg& x, Options options) {
  return reduce_logsumexp(x, Axes(), options);
}
template <std::same_as<NormOptions> Options = NormOptions>
Tensor norm(const Arg& x, Options options) {
  return norm(x, Axes(), options);
}
template <std::same_as<ReduceOptions> Options = ReduceOptions>
Tensor reduce_std(const Arg& x, Options options) {
  return reduce_std(x, Axes(), options);
}

}  // namespace sluice
