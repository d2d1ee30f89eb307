#pragma once

#include <cstdint>
#include <source_location>
#include <utility>
#include <vector>

#include "sluice/array.h"
#include "sluice/tensor.h"

// Constants, shapes and rows, by TensorFlow's and NumPy's names. All throw Error at the user's line if shapes or dtypes
// do not fit; a negative axis counts from the end.
namespace sluice {

/// A copy of `value` as a constant of the graph.
Tensor constant(const Array& value, std::source_location where = std::source_location::current());
/// `shape` filled with `value`, which the dtype must be able to hold.
Tensor full(const Shape& shape, const Literal& value, DType dtype = DType::kF32,
            std::source_location where = std::source_location::current());
/// Zeros and ones of the type of x, B included.
Tensor zeros_like(const Arg& x);
Tensor ones_like(const Arg& x);
/// 0, 1, 2, ... along `axis` of `shape`, the same along the others; numbers of any dtype but bool.
Tensor iota(const Shape& shape, int axis, DType dtype, std::source_location where = std::source_location::current());
/// 0, 1, ..., limit - 1, of shape [limit]; `limit` may be `batch`.
Tensor range(Dim limit, DType dtype = DType::kI64, std::source_location where = std::source_location::current());
/// The size of axis `axis` of x as i64[], for symbolic axes and static ones.
Tensor size_of(const Arg& x, int axis);
/// The size of axis `axis` of x as a C++ number, as a layer needs it for the sizes of its variables. Throws Error at
/// the user's line if the axis is symbolic; x.shape()[axis] is a Dim, which may be.
std::int64_t static_size(const Arg& x, int axis);
/// B, the size of the symbolic dimension, as i64[]. Throws Error at the user's line if no argument of the function has
/// it; size_of also works for static sizes.
Tensor batch_size(std::source_location where = std::source_location::current());

/// The same elements in row-major order under `shape`, which has as many; one size may be -1 and is then inferred.
Tensor reshape(const Arg& x, const Shape& shape);
/// Axis i of the result is axis permutation[i] of x; without a permutation, all axes in reverse order.
Tensor transpose(const Arg& x, const std::vector<std::int64_t>& permutation);
Tensor transpose(const Arg& x);
/// x repeated to `shape` by NumPy's rule: axes of size 1 are stretched, missing ones are added in front.
Tensor broadcast_to(const Arg& x, const Shape& shape);
/// The tensors behind each other along `axis`; in dtype and all other sizes they agree.
Tensor concat(const std::vector<Tensor>& tensors, int axis,
              std::source_location where = std::source_location::current());
/// size[i] elements from begin[i] on along each axis i; -1 takes the rest. Both may be symbolic, and so relative to the
/// end of an axis: slice(x, {0, 0}, {-1, x.shape()[1] - 1}). A call with sizes for which that is no range throws Error.
Tensor slice(const Arg& x, const Shape& begin, const Shape& size);
/// Zeros before and after along each axis: as many as its pair in `paddings` says.
Tensor pad(const Arg& x, const std::vector<std::pair<std::int64_t, std::int64_t>>& paddings);

/// Adds a last axis of size `depth`: 1 where its index equals that in `indices` (integers of any shape), else 0; a row
/// of zeros if the index is out of range.
Tensor one_hot(const Arg& indices, std::int64_t depth, DType dtype = DType::kF32);
/// Rows of `table` [rows, ...], one for each integer in `indices`: [indices, ...]. An index out of range is clamped.
Tensor gather(const Arg& table, const Arg& indices);
/// `table` with each of `rows`, which has the shape that gather would return, added to the row that its index names:
/// NumPy's np.add.at(table, indices, rows). An index out of range is treated as by gather.
Tensor scatter_add(const Arg& table, const Arg& indices, const Arg& rows);
/// `table` with each of `rows`, which has the shape that gather would return, in place of the row that its index names:
/// NumPy's table[indices] = rows. Of rows with the same index, the last one stays, in row-major order of the indices;
/// only it gets a derivative. An index out of range is treated as by gather. `w.assign(scatter(w, i, x))` and
/// `w.assign(scatter_add(w, i, x))` change the rows of the variable w in place, unless its old value is read later.
Tensor scatter(const Arg& table, const Arg& indices, const Arg& rows);

namespace detail {
/// The size as i64[].
Tensor number_of(Dim dim);
}  // namespace detail

}  // namespace sluice
