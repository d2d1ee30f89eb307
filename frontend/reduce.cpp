#include "sluice/reduce.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <numeric>

#include "frontend/axes.h"
#include "sluice/detail/trace.h"
#include "sluice/elementwise.h"
#include "sluice/shape_ops.h"

namespace sluice {

std::vector<std::int64_t> Axes::of(std::string_view op, const Type& type) const {
  std::vector<std::int64_t> axes;
  if (!list_) {
    axes.resize(static_cast<std::size_t>(type.shape.rank()));
    std::iota(axes.begin(), axes.end(), 0);
    return axes;
  }
  for (const std::int64_t axis : *list_) axes.push_back(detail::normalize_axis(op, axis, type));
  std::sort(axes.begin(), axes.end());
  if (std::adjacent_find(axes.begin(), axes.end()) != axes.end()) {
    fail_at_user(fmt::format("{}: an axis is named twice in [{}]", op, fmt::join(*list_, ",")));
  }
  return axes;
}

namespace {

Shape kept_shape(const Shape& shape, const std::vector<std::int64_t>& axes) {
  Shape kept = shape;
  for (const std::int64_t axis : axes) kept[static_cast<int>(axis)] = 1;
  return kept;
}

Tensor reduce(ir::Op op, std::string_view name, const Arg& x, const Axes& axes, ReduceOptions options) {
  const std::vector<std::int64_t> folded = axes.of(name, x.type());
  if (folded.empty()) return x.tensor();
  const Tensor result = Trace::required(name).add(op, {x.tensor()}, {{ir::Attr::kAxes, folded}});
  return options.keepdims ? reshape(result, kept_shape(x.shape(), folded)) : result;
}

/// Returns the number of elements folded into one, as a scalar of `dtype`.
Tensor count(const Shape& shape, const std::vector<std::int64_t>& axes, DType dtype) {
  Dim elements = 1;
  for (const std::int64_t axis : axes) elements = elements * shape[static_cast<int>(axis)];
  const auto size = static_cast<double>(elements.size);  // rounded to the dtype, as B is
  if (!elements.batch) return full({}, size, dtype);
  const Tensor rows = cast(detail::number_of(Dim(1, elements.batch)), dtype);
  return elements.size == 1 ? rows : rows * size;
}

void check_float(std::string_view op, const Arg& x) {
  if (!is_float(x.dtype()))
    fail_at_user(fmt::format("{}: expected floats, got {}; convert with cast", op, to_string(x.type())));
}

}  // namespace

Tensor reduce_sum(const Arg& x, const Axes& axes, ReduceOptions options) {
  const Scope scope(x.where());
  return reduce(ir::Op::kReduceSum, "reduce_sum", x, axes, options);
}

Tensor reduce_max(const Arg& x, const Axes& axes, ReduceOptions options) {
  const Scope scope(x.where());
  return reduce(ir::Op::kReduceMax, "reduce_max", x, axes, options);
}

Tensor reduce_min(const Arg& x, const Axes& axes, ReduceOptions options) {
  const Scope scope(x.where());
  return reduce(ir::Op::kReduceMin, "reduce_min", x, axes, options);
}

Tensor reduce_mean(const Arg& x, const Axes& axes, ReduceOptions options) {
  const Scope scope(x.where());
  check_float("reduce_mean", x);
  const Tensor sum = reduce(ir::Op::kReduceSum, "reduce_mean", x, axes, options);
  return sum / count(x.shape(), axes.of("reduce_mean", x.type()), x.dtype());
}

Tensor reduce_variance(const Arg& x, const Axes& axes, ReduceOptions options) {
  const Scope scope(x.where());
  check_float("reduce_variance", x);
  return reduce_mean(square(x - reduce_mean(x, axes, {.keepdims = true})), axes, options);
}

Tensor argmax(const Arg& x, int axis) {
  const Scope scope(x.where());
  const std::int64_t from_first = detail::normalize_axis("argmax", axis, x.type());
  return Trace::required("argmax").add(ir::Op::kArgmax, {x.tensor()}, {{ir::Attr::kAxis, from_first}});
}

}  // namespace sluice
