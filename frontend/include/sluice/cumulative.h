#pragma once

#include "sluice/tensor.h"

// Running sums and products along an axis, as TensorFlow's.
namespace sluice {

struct CumulativeOptions {
  bool exclusive = false;  ///< element i has those before it, without itself: 0 (or 1), x0, x0 + x1, ...
  bool reverse = false;    ///< from the last element to the first
};

/// Returns the sums of all elements up to each one along `axis`, in the shape and dtype of x, which is numeric:
/// integers wrap around. The rounding error of floats grows at most with the logarithm of the number of elements, and a
/// NaN or infinity reaches only the sums that it is part of. The work for n elements is n log n, but n^2 if n is small
/// or symbolic. Throws Error at the user's line for an axis out of range.
Tensor cumsum(const Arg& x, int axis = 0, CumulativeOptions options = {});
/// The same for products. The derivative never divides, so it is right where elements are 0. Throws Error if the size
/// of the axis is symbolic.
Tensor cumprod(const Arg& x, int axis = 0, CumulativeOptions options = {});

}  // namespace sluice
