#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "sluice/reduce.h"
#include "sluice/tensor.h"

// Elements of tensors by their positions along an axis, by NumPy's and TensorFlow's names. They take every dtype, copy
// bits and pass derivatives, which add up where an element is taken more than once. All throw Error at the user's line
// if shapes do not fit; a negative axis counts from the end.
namespace sluice {

/// The positions begin, begin + step, ... before end, as Python's begin:end:step. A negative begin or end counts from
/// the end of the axis; one left out is that end of the axis where the steps begin or stop. A negative step goes
/// backwards. Along an axis of a static size, begin and end are limited to the axis, as in Python; along a symbolic
/// one, a call in which they are no range throws Error.
struct Slice {
  std::optional<Dim> begin = std::nullopt;
  std::optional<Dim> end = std::nullopt;
  std::int64_t step = 1;
};
/// Returns the elements at these positions along each axis; axes without a Slice stay whole. x[::2, 5:0:-1] is
/// strided_slice(x, {{.step = 2}, {5, 0, -1}}). Throws Error if a step is 0, or if the number of positions is no sum of
/// products of symbols: every second element of T.
Tensor strided_slice(const Arg& x, const std::vector<Slice>& slices);

/// Returns the elements of x at `indices` (integers of any shape) along `axis`, which the axes of `indices` replace:
/// TensorFlow's gather with an axis. Indices that are an argument of the function must be in [0, n), as each call
/// checks if n is static; computed ones are clamped to the nearest, as by gather.
Tensor take(const Arg& x, const Arg& indices, int axis);
/// The same for known indices; negative ones count from the end. Throws Error if one is out of range, or if the size of
/// the axis is symbolic.
Tensor take(const Arg& x, const std::vector<std::int64_t>& indices, int axis);
/// Returns an element of x for each of `indices` (integers of the rank of x): the one at the same place along the other
/// axes and at the index along `axis`. The other axes broadcast. Bad indices are treated as by take.
Tensor take_along_axis(const Arg& x, const Arg& indices, int axis);

/// Returns x with its elements in reverse order along the axes.
Tensor flip(const Arg& x, const Axes& axes = {});
/// TensorFlow's name for flip.
Tensor reverse(const Arg& x, const Axes& axes);
/// Returns x with its elements moved by `shift` along `axis`, toward the end if it is positive; those that leave the
/// axis come back at its other end.
Tensor roll(const Arg& x, std::int64_t shift, int axis);
/// The same for several axes: axis axes[i] by shifts[i]. An axis that is named twice is moved twice.
Tensor roll(const Arg& x, const std::vector<std::int64_t>& shifts, const std::vector<std::int64_t>& axes);

}  // namespace sluice
