#pragma once

#include <concepts>
#include <cstdint>

#include "sluice/tensor.h"

// Sorting along an axis, by NumPy's and TensorFlow's names. All are stable: equal elements, +0 and -0 among them, stay
// in their order. NaN counts as larger than any number: last in ascending order, first in descending order. They take
// numbers of every dtype, and throw Error at the user's line for bools and scalars; a negative axis counts from the
// end.
namespace sluice {

struct SortOptions {
  bool descending = false;
};

/// Returns x with its elements in order along `axis`. Derivatives go where each element came from.
Tensor sort(const Arg& x, int axis = -1, SortOptions options = {});
/// Returns where the elements of sort(x) lie in x: i64 of the shape of x. For x of [n], take(x, argsort(x), 0) is
/// sort(x).
Tensor argsort(const Arg& x, int axis = -1, SortOptions options = {});

// Options alone, for the last axis; a bool is no axis.
inline Tensor sort(const Arg& x, SortOptions options) { return sort(x, -1, options); }
inline Tensor argsort(const Arg& x, SortOptions options) { return argsort(x, -1, options); }
template <std::same_as<bool> T>
Tensor sort(const Arg& x, T axis, SortOptions options = {}) = delete;
template <std::same_as<bool> T>
Tensor argsort(const Arg& x, T axis, SortOptions options = {}) = delete;

struct TopK {
  Tensor values;
  Tensor indices;  ///< i64, along the last axis of x
};
/// Returns the k largest elements along the last axis of x, the largest first, and where they lie; of equal ones those
/// with lower indices, as TensorFlow. Both are [..., k]. Throws Error at the user's line unless 0 <= k <= n, for the n
/// elements along the axis, which is static.
TopK top_k(const Arg& x, std::int64_t k);

}  // namespace sluice
