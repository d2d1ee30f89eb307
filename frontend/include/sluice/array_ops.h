#pragma once

#include <concepts>
#include <cstdint>
#include <source_location>
#include <vector>

#include "sluice/reduce.h"
#include "sluice/tensor.h"

// Functions that divide, join and rearrange the axes of tensors, by TensorFlow's and NumPy's names. They take every
// dtype, copy bits and pass derivatives; sizes may be symbolic unless stated otherwise. All throw Error at the user's
// line if shapes do not fit; a negative axis counts from the end.
namespace sluice {

namespace detail {
std::vector<Tensor> split_equally(const Arg& x, std::int64_t count, int axis);
}  // namespace detail

/// Returns `count` equal parts of x along `axis`, which `count` divides.
template <std::integral T>
requires(!std::same_as<T, bool>) std::vector<Tensor> split(const Arg& x, T count, int axis = 0) {
  return detail::split_equally(x, static_cast<std::int64_t>(count), axis);
}
/// Returns parts of these sizes, which add up to the axis; one may be -1 and takes the rest: split(x, {1, -1}, 1).
std::vector<Tensor> split(const Arg& x, const Shape& sizes, int axis = 0);

/// Joins tensors of one type along a new axis: n tensors [a, b] are [n, a, b], or [a, b, n] for axis -1.
Tensor stack(const std::vector<Tensor>& tensors, int axis = 0,
             std::source_location where = std::source_location::current());
/// Returns the elements along `axis`, whose size is a number, without that axis: the inverse of stack.
std::vector<Tensor> unstack(const Arg& x, int axis = 0);

/// Returns x with a new axis of size 1 at `axis` of the result: -1 adds a last one.
Tensor expand_dims(const Arg& x, int axis);
/// Returns x without its axes of size 1.
Tensor squeeze(const Arg& x);
/// Returns x without these axes. Throws Error unless all have size 1.
Tensor squeeze(const Arg& x, const Axes& axes);

/// Returns x with these two axes exchanged.
Tensor swapaxes(const Arg& x, int a, int b);
/// Returns x with axis `source` at `destination`; the others keep their order.
Tensor moveaxis(const Arg& x, int source, int destination);
/// The same for several axes: axis source[i] is at destination[i].
Tensor moveaxis(const Arg& x, const std::vector<std::int64_t>& source, const std::vector<std::int64_t>& destination);

/// Returns x repeated as a whole, multiples[i] times along axis i: tile of [1, 2] by 2 is [1, 2, 1, 2].
Tensor tile(const Arg& x, const Shape& multiples);
/// Returns x with each element along `axis` repeated: repeat of [1, 2] by 2 is [1, 1, 2, 2].
Tensor repeat(const Arg& x, Dim repeats, int axis);

}  // namespace sluice
