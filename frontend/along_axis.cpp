#include "frontend/along_axis.h"

#include <fmt/format.h>

#include "sluice/detail/trace.h"
#include "sluice/elementwise.h"
#include "sluice/shape_ops.h"

namespace sluice {

using ir::Attr;
using ir::Op;

detail::AroundAxis detail::around_axis(const Shape& shape, int axis) {
  AroundAxis around{1, shape[axis], 1};
  for (int i = 0; i < axis; ++i) around.before = around.before * shape[i];
  for (int i = axis + 1; i < shape.rank(); ++i) around.after = around.after * shape[i];
  return around;
}

Shape detail::with_size(Shape shape, int axis, Dim size) {
  shape[axis] = size;
  return shape;
}

Shape detail::with_axes(const Shape& shape, int axis, const Shape& sizes) {
  std::vector<Dim> dims(shape.begin(), shape.begin() + axis);
  dims.insert(dims.end(), sizes.begin(), sizes.end());
  dims.insert(dims.end(), shape.begin() + axis + 1, shape.end());
  return Shape(std::move(dims));
}

Tensor detail::part(const Tensor& x, int axis, Dim start, Dim limit) {
  const Dim whole = x.shape()[axis];
  if (start == Dim(0) && limit == whole) return x;
  // A slice has an element; without one, this still depends on x, whose derivative is then 0.
  if (start == limit) return taken(x, iota({0}, 0, DType::kI64), axis);
  return Trace::required("slice").add(
      Op::kSlice, {x}, {{Attr::kAxis, std::int64_t{axis}}, {Attr::kLimit, limit}, {Attr::kStart, start}});
}

Tensor detail::clamped(const Tensor& index, Dim size) {
  const Tensor not_below = maximum(index, 0);
  return size.batch ? minimum(not_below, number_of(size) - 1) : minimum(not_below, size.size - 1);
}

Tensor detail::times(const Tensor& numbers, Dim dim) {
  if (dim == Dim(1)) return numbers;
  return dim.batch ? numbers * number_of(dim) : numbers * dim.size;
}

Tensor detail::with_a_row(const Tensor& table) {
  if (table.shape()[0].always_at_least(1)) return table;
  std::vector<std::pair<std::int64_t, std::int64_t>> paddings(static_cast<std::size_t>(table.rank()), {0, 0});
  paddings[0].second = 1;
  return pad(table, paddings);
}

Tensor detail::taken(const Tensor& x, const Tensor& index, int axis, IfEmpty if_empty) {
  Trace& trace = Trace::required("gather");
  const AroundAxis around = around_axis(x.shape(), axis);
  const Shape result = with_axes(x.shape(), axis, index.shape());
  if (result.element_count() == Dim(0) && x.shape().element_count() == Dim(0)) return reshape(x, result);
  // Rows of a table in which the axes before this one are folded into it.
  Shape rows{around.before * around.size};
  if (around.after != Dim(1)) rows.push_back(around.after);
  Tensor table = reshape(x, rows);
  const bool has_element = if_empty == IfEmpty::kNoIndex || around.size.always_at_least(1);
  if (has_element) table = with_a_row(table);
  if (around.before == Dim(1)) return reshape(trace.add(Op::kGather, {table, index}), result);
  const Dim count = index.shape().element_count();
  const Tensor first = times(iota({around.before, count}, 0, DType::kI64), around.size);
  const Tensor row = first + reshape(clamped(index, around.size), {1, count});
  return reshape(trace.add(Op::kGather, {table, row}), result);
}

std::int64_t detail::number_of_elements(std::string_view op, const Type& type, int axis, std::string_view why) {
  const Dim size = type.shape[axis];
  if (size.batch) {
    fail_at_user(fmt::format("{}: axis {} of {} has the size {}, which is not a number: {}", op, axis, to_string(type),
                             to_string(size), why));
  }
  return size.size;
}

}  // namespace sluice
