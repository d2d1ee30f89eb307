#include "sluice/indexing.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <limits>
#include <string>

#include "frontend/along_axis.h"
#include "frontend/axes.h"
#include "frontend/broadcasting.h"
#include "frontend/windows.h"
#include "sluice/detail/trace.h"
#include "sluice/elementwise.h"
#include "sluice/shape_ops.h"

namespace sluice {

using ir::Op;

namespace {

/// Returns the elements at last, last - step, ..., of which there are `count`.
Tensor backwards(const Tensor& x, int axis, Dim last, std::int64_t step, Dim count) {
  const Tensor back = detail::times(range(count), step);
  const Tensor from = last.batch ? detail::number_of(last) : full({}, last.size, DType::kI64);
  return detail::taken(x, from - back, axis, detail::IfEmpty::kNoIndex);
}

/// Returns the elements at 0, step, 2 * step, ..., of which there are as many as fit.
Tensor every(const Tensor& x, int axis, std::int64_t step) {
  const std::array<ir::Window, 1> windows{ir::Window{.size = 1, .stride = step, .dilation = 1, .low = 0, .high = 0}};
  const Tensor cells = detail::slide(x, axis, windows);  // [..., count, 1, ...]
  return reshape(cells, detail::with_size(x.shape(), axis, cells.shape()[axis]));
}

/// Returns how many of `count` elements are taken by steps from the first. Throws Error if that is not a size.
Dim steps_in(Dim count, std::int64_t step, int axis, const Type& type) {
  if (step == 1) return count;
  const std::int64_t rest = count.batch ? count.where_all_are(0) : 0;
  if (count.batch && !divide(count - rest, step)) {
    fail_at_user(
        fmt::format("strided_slice: axis {} of {}: the number of positions, {} divided by {}, is no sum of "
                    "products of symbols",
                    axis, to_string(type), to_string(count), step));
  }
  return ir::window_count({.size = 1, .stride = step, .dilation = 1, .low = 0, .high = 0}, count);
}

/// The range of elements that a Slice is about, whatever its direction.
struct Extent {
  Dim low;
  Dim limit;
};

/// Returns a position of a Slice along an axis of `size`. One of a static axis is limited to the ends of the axis, the
/// positions before the first and behind the last.
Dim position_of(Dim given, Dim size) {
  if (given.batch || size.batch) return given.batch || given.size >= 0 ? given : size + given;
  const std::int64_t from_first = given.size < 0 ? given.size + size.size : given.size;
  return std::clamp<std::int64_t>(from_first, -1, size.size);
}

Extent extent_of(const Slice& slice, Dim size) {
  const bool forwards = slice.step > 0;
  const std::optional<Dim>& first = forwards ? slice.begin : slice.end;
  const std::optional<Dim>& last = forwards ? slice.end : slice.begin;
  // Backwards, the element at `begin` is taken and the one at `end` is not, so both limits are one higher.
  const std::int64_t shift = forwards ? 0 : 1;
  Extent extent{first ? position_of(*first, size) + shift : 0, last ? position_of(*last, size) + shift : size};
  for (Dim* const end : {&extent.low, &extent.limit}) {
    if (!end->batch && !size.batch) *end = std::clamp<std::int64_t>(end->size, 0, size.size);
  }
  if (!extent.low.batch && !extent.limit.batch) extent.limit = std::max(extent.low.size, extent.limit.size);
  return extent;
}

Tensor sliced(const Tensor& x, int axis, const Slice& slice) {
  if (slice.step == 0) fail_at_user(fmt::format("strided_slice: the step along axis {} is 0", axis));
  const Dim size = x.shape()[axis];
  const auto [low, limit] = extent_of(slice, size);
  const Dim count = limit - low;
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  std::int64_t step = slice.step > 0 ? slice.step : -std::max(slice.step, -kMost);
  // A step beyond the last element takes only the first.
  if (!count.batch) step = std::min(step, std::max<std::int64_t>(count.size, 1));
  if (count == Dim(0)) return detail::part(x, axis, low, limit);
  const Dim steps = steps_in(count, step, axis, x.type());
  const Tensor whole = detail::part(x, axis, low, limit);
  if (slice.step < 0) return backwards(whole, axis, count - 1, step, steps);
  return step == 1 ? whole : every(whole, axis, step);
}

void require_indices(std::string_view op, const Tensor& x, const Tensor& indices, int axis) {
  if (!is_integer(indices.dtype()))
    fail_at_user(fmt::format("{}: expected integers as indices, got {}", op, to_string(indices.type())));
  const Dim size = x.shape()[axis];
  if (size == Dim(0) && indices.shape().element_count() != Dim(0)) {
    fail_at_user(fmt::format("{}: there is no element along axis {} of {}", op, axis, to_string(x.type())));
  }
  if (size.batch || size == Dim(0)) return;
  Trace::required(op).expect_indices(
      indices, size.size, "index",
      fmt::format("elements along axis {} of the {} of {}", axis, to_string(x.type()), op));
}

/// Returns the shape to which the axes but `axis` of x and indices broadcast; along `axis` it has the indices.
Shape broadcast_around(const Arg& x, const Arg& indices, int axis) {
  Shape shape = indices.shape();
  for (int i = 0; i < x.rank(); ++i) {
    const Dim of_x = x.shape()[i];
    if (i == axis || of_x == shape[i] || of_x == Dim(1)) continue;
    if (shape[i] != Dim(1)) {
      fail_at_user(fmt::format("take_along_axis: {} and indices {} differ in axis {}, which does not broadcast",
                               to_string(x.type()), to_string(indices.type()), i),
                   std::array{x.tensor(), indices.tensor()});
    }
    shape[i] = of_x;
  }
  return shape;
}

Tensor rolled(const Tensor& x, std::int64_t shift, int axis) {
  const Dim size = x.shape()[axis];
  if (size == Dim(0)) return x;
  if (size.batch) {
    // Only a call knows how often the shift goes around.
    const Tensor count = detail::number_of(size);
    return detail::taken(x, mod(range(size) - shift, count), axis, detail::IfEmpty::kNoIndex);
  }
  const std::int64_t by = (shift % size.size + size.size) % size.size;
  if (by == 0) return x;
  const Dim left = size - by;
  return concat({detail::part(x, axis, left, size), detail::part(x, axis, 0, left)}, axis);
}

}  // namespace

Tensor strided_slice(const Arg& x, const std::vector<Slice>& slices) {
  const Scope scope(x.where());
  if (static_cast<int>(slices.size()) > x.rank()) {
    fail_at_user(
        fmt::format("strided_slice: {} has fewer axes than there are slices, {}", to_string(x.type()), slices.size()));
  }
  Tensor result = x;
  for (std::size_t i = 0; i < slices.size(); ++i) result = sliced(result, static_cast<int>(i), slices[i]);
  return result;
}

Tensor take(const Arg& x, const Arg& indices, int axis) {
  const Scope scope(x.where());
  const int from_first = detail::normalize_axis("take", axis, x.type());
  require_indices("take", x, indices, from_first);
  return detail::taken(x, cast(indices, DType::kI64), from_first);
}

Tensor take(const Arg& x, const std::vector<std::int64_t>& indices, int axis) {
  const Scope scope(x.where());
  const int from_first = detail::normalize_axis("take", axis, x.type());
  const std::int64_t size =
      detail::number_of_elements("take", x.type(), from_first, "pass the indices as a tensor, which counts them");
  Array known(DType::kI64, {static_cast<std::int64_t>(indices.size())});
  for (std::size_t i = 0; i < indices.size(); ++i) {
    if (indices[i] < -size || indices[i] >= size) {
      fail_at_user(
          fmt::format("take: there is no element {} along axis {} of {}", indices[i], from_first, to_string(x.type())));
    }
    known.data<std::int64_t>()[i] = indices[i] < 0 ? indices[i] + size : indices[i];
  }
  return detail::taken(x, constant(known), from_first);
}

Tensor take_along_axis(const Arg& x, const Arg& indices, int axis) {
  const Scope scope(x.where());
  const int from_first = detail::normalize_axis("take_along_axis", axis, x.type());
  if (indices.rank() != x.rank()) {
    fail_at_user(fmt::format("take_along_axis: expected indices of the rank of {}, got {}", to_string(x.type()),
                             to_string(indices.type())));
  }
  require_indices("take_along_axis", x, indices, from_first);
  const Shape shape = broadcast_around(x, indices, from_first);
  const Dim size = x.shape()[from_first];
  const Tensor table = detail::broadcast(x, detail::with_size(shape, from_first, size));
  if (table.shape().element_count() == Dim(0) && shape.element_count() == Dim(0)) return reshape(table, shape);
  const auto [before, count, after] = detail::around_axis(shape, from_first);
  const Shape cells{before, count, after};
  const Tensor index = reshape(detail::clamped(detail::broadcast(cast(indices, DType::kI64), shape), size), cells);
  Tensor flat = reshape(table, {-1});
  if (size.always_at_least(1)) flat = detail::with_a_row(flat);
  // Positions in the elements of x in row-major order.
  const Tensor row = detail::times(iota(cells, 0, DType::kI64), size) + index;
  const Tensor place = detail::times(row, after) + iota(cells, 2, DType::kI64);
  return reshape(Trace::required("gather").add(Op::kGather, {flat, place}), shape);
}

Tensor flip(const Arg& x, const Axes& axes) {
  const Scope scope(x.where());
  Tensor result = x;
  for (const std::int64_t axis : axes.of("flip", x.type())) {
    const Dim size = x.shape()[static_cast<int>(axis)];
    if (size != Dim(0)) result = backwards(result, static_cast<int>(axis), size - 1, 1, size);
  }
  return result;
}

Tensor reverse(const Arg& x, const Axes& axes) { return flip(x, axes); }

Tensor roll(const Arg& x, std::int64_t shift, int axis) {
  const Scope scope(x.where());
  return rolled(x, shift, detail::normalize_axis("roll", axis, x.type()));
}

Tensor roll(const Arg& x, const std::vector<std::int64_t>& shifts, const std::vector<std::int64_t>& axes) {
  const Scope scope(x.where());
  if (shifts.size() != axes.size())
    fail_at_user(fmt::format("roll: expected a shift for each axis, got {} and {}", shifts.size(), axes.size()));
  Tensor result = x;
  for (std::size_t i = 0; i < shifts.size(); ++i)
    result = rolled(result, shifts[i], detail::normalize_axis("roll", axes[i], x.type()));
  return result;
}

}  // namespace sluice
