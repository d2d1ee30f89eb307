#pragma once

#include <concepts>

#include "sluice/tensor.h"

// Running sums and products along an axis, as TensorFlow's, and linear recurrences.
namespace sluice {

struct CumulativeOptions {
  bool exclusive = false;  ///< element i has those before it, without itself: 0 (or 1), x0, x0 + x1, ...
  bool reverse = false;    ///< from the last element to the first
};

/// Returns the sums of all elements up to each one along `axis`, in the shape and dtype of x, which is numeric:
/// integers wrap around. Floats are added in f64, and each sum is rounded once; a NaN or infinity reaches only the sums
/// that it is part of. Throws Error at the user's line for an axis out of range.
Tensor cumsum(const Arg& x, int axis = 0, CumulativeOptions options = {});
/// The same for products. The derivative never divides, so it is right where elements are 0.
Tensor cumprod(const Arg& x, int axis = 0, CumulativeOptions options = {});

// Options alone, for axis 0; a bool is no axis.
inline Tensor cumsum(const Arg& x, CumulativeOptions options) { return cumsum(x, 0, options); }
inline Tensor cumprod(const Arg& x, CumulativeOptions options) { return cumprod(x, 0, options); }
template <std::same_as<bool> T>
Tensor cumsum(const Arg& x, T axis, CumulativeOptions options = {}) = delete;
template <std::same_as<bool> T>
Tensor cumprod(const Arg& x, T axis, CumulativeOptions options = {}) = delete;

/// Returns y with y[i] = a[i] * y[i - 1] + b[i] along `axis`, or with `reverse` y[i] = a[i] * y[i + 1] + b[i], in the
/// shape and dtype that a and b have: moving averages, discounted returns, linear state space models. The first y is
/// its b, whatever its a. Floats are carried in f64. Throws Error at the user's line if the types differ, or for an
/// axis out of range.
Tensor linear_recurrence(const Arg& a, const Arg& b, int axis = 0, bool reverse = false);

}  // namespace sluice
