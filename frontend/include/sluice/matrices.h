#pragma once

#include <cstdint>
#include <source_location>

#include "sluice/tensor.h"

// Matrices and their parts, by NumPy's and TensorFlow's names. A tensor of a higher rank holds a matrix for each index
// of its axes before the last two. Elements that are left out become 0 (false) even if they are NaN. All throw Error at
// the user's line if shapes or dtypes do not fit.
namespace sluice {

/// Returns ones on the diagonal of a square matrix, zeros elsewhere; `rows` may be symbolic.
Tensor eye(Dim rows, DType dtype = DType::kF32, std::source_location where = std::source_location::current());
/// The same of [rows, columns].
Tensor eye(Dim rows, Dim columns, DType dtype = DType::kF32,
           std::source_location where = std::source_location::current());

/// Returns x with zeros above diagonal `k`; 0 is the main one, 1 the one above it, -1 the one below.
Tensor tril(const Arg& x, std::int64_t k = 0);
/// Returns x with zeros below diagonal `k`.
Tensor triu(const Arg& x, std::int64_t k = 0);

/// Returns the matrix with the last axis of x on its diagonal and zeros elsewhere: [..., n] gives [..., n, n].
Tensor diag(const Arg& x);
/// Returns the main diagonal: [..., m, n] gives [..., min(m, n)]. Throws Error if m and n are not equal and one of them
/// is symbolic.
Tensor diag_part(const Arg& x);

/// Returns all products of an element of a and one of b, numbers of one dtype and any shapes: a matrix with a row for
/// each element of a.
Tensor outer(const Arg& a, const Arg& b);
/// Returns NumPy's dot of numbers of one dtype: the sum of products over the last axis of a and the last but one of b
/// (its only one if b is a vector); the result has the other axes of a, then those of b. A scalar multiplies.
Tensor dot(const Arg& a, const Arg& b);

}  // namespace sluice
