#include <fmt/ranges.h>

#include <algorithm>

#include "ir/infer_parts.h"

namespace sluice::ir {

namespace {

Type without_axes(const Type& type, const std::vector<std::int64_t>& axes) {
  Type result{type.dtype, {}};
  for (int axis = 0; axis < type.shape.rank(); ++axis) {
    if (std::find(axes.begin(), axes.end(), axis) == axes.end()) result.shape.push_back(type.shape[axis]);
  }
  return result;
}

}  // namespace

Types infer_is_first_max(const InferContext& c) {
  constexpr std::int64_t kMostCompared = 256;  // the code of an element has each of them
  std::int64_t compared = 1;
  const auto& axes = c.attributes.integers(Attr::kAxes);
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const int axis = check_axis(c, axes[i], x(c).shape.rank());
    if (i > 0 && axes[i] <= axes[i - 1])
      fail("{}: axes are ascending and different, got [{}]", name(c), fmt::join(axes, ","));
    if (x(c).shape[axis].batch) fail("{}: axis {} of {} has no static size", name(c), axis, to_string(x(c)));
    compared = std::min(compared * std::max<std::int64_t>(x(c).shape[axis].size, 1), 2 * kMostCompared);
    if (compared > kMostCompared)
      fail("{}: compares at most {} elements, got axes [{}] of {}", name(c), kMostCompared, fmt::join(axes, ","),
           to_string(x(c)));
  }
  return {{DType::kBool, x(c).shape}};
}

Types infer_reduce(const InferContext& c) {
  const auto& axes = c.attributes.integers(Attr::kAxes);
  for (std::size_t i = 0; i < axes.size(); ++i) {
    const int axis = check_axis(c, axes[i], x(c).shape.rank());
    if (i > 0 && axes[i] <= axes[i - 1])
      fail("{}: axes are ascending and different, got [{}]", name(c), fmt::join(axes, ","));
    if (c.op != Op::kReduceSum && x(c).shape[axis].size == 0)
      fail("{}: no element along axis {} of {}", name(c), axis, to_string(x(c)));
  }
  return {without_axes(x(c), axes)};
}

Types infer_argmax(const InferContext& c) {
  const int axis = check_axis(c, c.attributes.integer(Attr::kAxis), x(c).shape.rank());
  if (x(c).shape[axis].size == 0) fail("argmax: no element along axis {} of {}", axis, to_string(x(c)));
  return {{DType::kI64, without_axes(x(c), {axis}).shape}};
}

Types infer_argsort(const InferContext& c) {
  if (x(c).shape.rank() == 0) fail("argsort: expected an axis, got {}", to_string(x(c)));
  return {{DType::kI64, x(c).shape}};
}

Types infer_recurrence(const InferContext& c) {
  check_axis(c);
  check_same(c, c.operands.front(), c.operands.back());
  return {x(c)};
}

}  // namespace sluice::ir
