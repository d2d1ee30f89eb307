#include "sluice/shape_ops.h"

#include <fmt/format.h>

#include <numeric>

#include "frontend/axes.h"
#include "frontend/broadcasting.h"
#include "sluice/detail/trace.h"

namespace sluice {

using ir::Attr;
using ir::Op;

int detail::normalize_axis(std::string_view op, std::int64_t axis, const Type& type) {
  const int rank = type.shape.rank();
  if (axis < -rank || axis >= rank) {
    fail_at_user(fmt::format("{}: axis {} is outside of {}", op, axis, to_string(type)));
  }
  return static_cast<int>(axis < 0 ? axis + rank : axis);
}

Tensor constant(const Array& value, std::source_location where) {
  const Scope scope(where);
  return Trace::required("constant").add(Op::kConstant, {}, {{Attr::kValue, value.clone()}});
}

Tensor full(const Shape& shape, const Literal& value, DType dtype, std::source_location where) {
  const Scope scope(where);
  return detail::broadcast(detail::scalar("full", value, dtype), shape);
}

namespace {

Tensor filled_like(std::string_view op, const Arg& x, bool value) {
  const Scope scope(x.where());
  const Literal literal = x.dtype() == DType::kBool ? Literal(value) : Literal(std::int64_t{value});
  return detail::broadcast(detail::scalar(op, literal, x.dtype()), x.shape());
}

}  // namespace

Tensor zeros_like(const Arg& x) { return filled_like("zeros_like", x, false); }
Tensor ones_like(const Arg& x) { return filled_like("ones_like", x, true); }

Tensor iota(const Shape& shape, int axis, DType dtype, std::source_location where) {
  const Scope scope(where);
  const std::int64_t from_first = detail::normalize_axis("iota", axis, {dtype, shape});
  return Trace::required("iota").add(Op::kIota, {},
                                     {{Attr::kAxis, from_first}, {Attr::kDType, dtype}, {Attr::kShape, shape}});
}

Tensor range(Dim limit, DType dtype, std::source_location where) {
  const Scope scope(where);
  return iota({limit}, 0, dtype);
}

Tensor batch_size(std::source_location where) {
  const Scope scope(where);
  Trace& trace = Trace::required("batch_size");
  if (std::ranges::find(trace.symbols(), kBatchSymbol) == trace.symbols().end()) {
    fail_at_user(fmt::format("batch_size: no parameter of {} has batch in its shape; size_of(x, axis) takes any size",
                             trace.name()));
  }
  return trace.add(Op::kBatchSize, {});
}

Tensor detail::number_of(Dim dim) {
  if (!dim.batch) return full({}, dim.size, DType::kI64);
  const bool is_of_batch = dim.batch == batch.batch;
  const Tensor one = is_of_batch
                         ? batch_size()
                         : Trace::required("size_of").add(Op::kBatchSize, {}, {{Attr::kSize, Dim(1, dim.batch)}});
  return dim.size == 1 ? one : one * dim.size;
}

Tensor size_of(const Arg& x, int axis) {
  const Scope scope(x.where());
  const Dim dim = x.shape()[detail::normalize_axis("size_of", axis, x.type())];
  return detail::number_of(dim);
}

std::int64_t static_size(const Arg& x, int axis) {
  const Scope scope(x.where());
  const Dim dim = x.shape()[detail::normalize_axis("static_size", axis, x.type())];
  if (!dim.batch) return dim.size;
  fail_at_user(fmt::format("static_size: expected axis {} of {} to be a number, got {}", axis, to_string(x.type()),
                           to_string(dim)),
               {&x.tensor(), 1});
}

namespace {

/// Returns `shape`, with a -1 in it replaced by the size that the elements of `from` leave for that axis.
Shape resolve_shape(const Shape& shape, const Type& from) {
  int unknown = -1;
  Dim known = 1;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (shape[axis] != Dim(-1)) {
      known = known * shape[axis];
      continue;
    }
    if (unknown >= 0) fail_at_user(fmt::format("reshape: {} has more than one -1", to_string(shape)));
    unknown = axis;
  }
  if (unknown < 0) return shape;
  const Dim all = from.shape.element_count();
  const std::optional<Dim> left = known.size > 0 ? divide(all, known) : std::nullopt;
  if (!left) {
    fail_at_user(fmt::format("reshape: {} has {} elements, which do not fill {}", to_string(from), to_string(all),
                             to_string(shape)));
  }
  Shape resolved = shape;
  resolved[unknown] = *left;
  return resolved;
}

}  // namespace

Tensor reshape(const Arg& x, const Shape& shape) {
  const Scope scope(x.where());
  const Shape resolved = resolve_shape(shape, x.type());
  if (resolved == x.shape()) return x.tensor();
  return Trace::required("reshape").add(Op::kReshape, {x.tensor()}, {{Attr::kShape, resolved}});
}

Tensor transpose(const Arg& x, const std::vector<std::int64_t>& permutation) {
  const Scope scope(x.where());
  std::vector<std::int64_t> from_first;
  for (const std::int64_t axis : permutation) from_first.push_back(detail::normalize_axis("transpose", axis, x.type()));
  return Trace::required("transpose").add(Op::kTranspose, {x.tensor()}, {{Attr::kPermutation, std::move(from_first)}});
}

Tensor transpose(const Arg& x) {
  std::vector<std::int64_t> reversed(static_cast<std::size_t>(x.rank()));
  std::iota(reversed.rbegin(), reversed.rend(), 0);
  return transpose(x, reversed);
}

Tensor broadcast_to(const Arg& x, const Shape& shape) {
  const Scope scope(x.where());
  return detail::broadcast(x, shape);
}

Tensor concat(const std::vector<Tensor>& tensors, int axis, std::source_location where) {
  const Scope scope(where);
  Trace& trace = Trace::required("concat");
  if (tensors.empty()) fail_at_user("concat: expected at least one tensor");
  const std::int64_t from_first = detail::normalize_axis("concat", axis, tensors[0].type());
  return trace.add(Op::kConcat, tensors, {{Attr::kAxis, from_first}});
}

Tensor slice(const Arg& x, const Shape& begin, const Shape& size) {
  const Scope scope(x.where());
  Trace& trace = Trace::required("slice");
  if (begin.rank() != x.rank() || size.rank() != x.rank()) {
    fail_at_user(fmt::format("slice: expected a begin and a size for each axis of {}, got {} and {}",
                             to_string(x.type()), begin.rank(), size.rank()));
  }
  Tensor result = x;
  for (int axis = 0; axis < x.rank(); ++axis) {
    const Dim start = begin[axis];
    const Dim whole = x.shape()[axis];
    if (start == Dim(0) && (size[axis] == Dim(-1) || size[axis] == whole)) continue;
    const Dim limit = size[axis] == Dim(-1) ? whole : start + size[axis];
    result = trace.add(Op::kSlice, {result},
                       {{Attr::kAxis, std::int64_t{axis}}, {Attr::kLimit, limit}, {Attr::kStart, start}});
  }
  return result;
}

Tensor Tensor::operator[](const detail::Index& index) const {
  const Scope scope(index.where());
  Trace& trace = Trace::required("[]");
  if (rank() == 0) fail_at_user(fmt::format("[]: {} has no axis", to_string(type())), {this, 1});
  const Dim rows = shape()[0];
  const Dim first = index.position() < 0 ? rows + index.position() : Dim(index.position());
  if (!first.ever_at_least(0) || !(rows - first).ever_at_least(1))
    fail_at_user(fmt::format("[]: there is no row {} in {}", index.position(), to_string(type())), {this, 1});
  const Tensor row = trace.add(Op::kSlice, {*this},
                               {{Attr::kAxis, std::int64_t{0}}, {Attr::kLimit, first + 1}, {Attr::kStart, first}});
  return reshape(row, Shape(std::vector<Dim>(shape().begin() + 1, shape().end())));
}

Tensor pad(const Arg& x, const std::vector<std::pair<std::int64_t, std::int64_t>>& paddings) {
  const Scope scope(x.where());
  Trace& trace = Trace::required("pad");
  if (static_cast<int>(paddings.size()) != x.rank()) {
    fail_at_user(fmt::format("pad: expected a pair for each axis of {}, got {}", to_string(x.type()), paddings.size()));
  }
  Tensor result = x;
  for (int axis = 0; axis < x.rank(); ++axis) {
    const auto [low, high] = paddings[static_cast<std::size_t>(axis)];
    if (low == 0 && high == 0) continue;
    result = trace.add(Op::kPad, {result}, {{Attr::kAxis, std::int64_t{axis}}, {Attr::kHigh, high}, {Attr::kLow, low}});
  }
  return result;
}

Tensor one_hot(const Arg& indices, std::int64_t depth, DType dtype) {
  const Scope scope(indices.where());
  return Trace::required("one_hot").add(Op::kOneHot, {indices.tensor()},
                                        {{Attr::kDepth, depth}, {Attr::kDType, dtype}});
}

namespace {

/// If the indices are an argument of the function, requires each to be the index of a row.
void expect_rows(std::string_view op, const Tensor& table, const Tensor& indices) {
  if (table.rank() == 0 || table.shape()[0].batch) return;  // inference reports a scalar
  Trace::required(op).expect_indices(indices, table.shape()[0].size, "index",
                                     fmt::format("rows of the {} of {}", to_string(table.type()), op));
}

}  // namespace

Tensor gather(const Arg& table, const Arg& indices) {
  const Scope scope(table.where());
  expect_rows("gather", table, indices);
  return Trace::required("gather").add(Op::kGather, {table.tensor(), indices.tensor()});
}

Tensor scatter_add(const Arg& table, const Arg& indices, const Arg& rows) {
  const Scope scope(table.where());
  expect_rows("scatter_add", table, indices);
  return Trace::required("scatter_add").add(Op::kScatterAdd, {table.tensor(), indices.tensor(), rows.tensor()});
}

Tensor scatter(const Arg& table, const Arg& indices, const Arg& rows) {
  const Scope scope(table.where());
  expect_rows("scatter", table, indices);
  return Trace::required("scatter").add(Op::kScatter, {table.tensor(), indices.tensor(), rows.tensor()});
}

}  // namespace sluice
