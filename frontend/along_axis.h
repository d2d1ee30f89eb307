#pragma once

#include <cstdint>
#include <string_view>

#include "sluice/tensor.h"

// Parts and elements of a tensor along one axis, counted from the first. Internal to the frontend.
namespace sluice::detail {

/// A shape as three axes: the axis itself, and the products of those before and after it.
struct AroundAxis {
  Dim before;
  Dim size;
  Dim after;
};
AroundAxis around_axis(const Shape& shape, int axis);

/// Returns `shape` with `size` for the size of the axis.
Shape with_size(Shape shape, int axis, Dim size);
/// Returns `shape` with `sizes` in place of the axis.
Shape with_axes(const Shape& shape, int axis, const Shape& sizes);

/// Returns the elements start <= i < limit along the axis; also none, or all.
Tensor part(const Tensor& x, int axis, Dim start, Dim limit);

/// Returns `index`, of i64, limited to the elements of an axis of this size.
Tensor clamped(const Tensor& index, Dim size);
/// Whether `index` has no element in a call in which the axis has none.
enum class IfEmpty : std::uint8_t { kNoIndex, kAnyIndex };
/// Returns the elements that `index`, an i64 tensor, names along the axis, which the axes of `index` replace. An index
/// out of range is clamped. Expects the axis to have elements unless the result has none.
Tensor taken(const Tensor& x, const Tensor& index, int axis, IfEmpty if_empty = IfEmpty::kAnyIndex);
/// Returns `table`, of which rows are gathered, with one more row if it may have none, for which gather throws Error.
Tensor with_a_row(const Tensor& table);
/// Returns numbers * dim.
Tensor times(const Tensor& numbers, Dim dim);

/// Throws Error at the user's line, naming `op`, if the size of the axis is not a number; `why` says what needs one.
std::int64_t number_of_elements(std::string_view op, const Type& type, int axis, std::string_view why);

}  // namespace sluice::detail
