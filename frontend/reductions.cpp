#include "sluice/reductions.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>

#include "frontend/along_axis.h"
#include "frontend/axes.h"
#include "sluice/detail/trace.h"
#include "sluice/elementwise.h"
#include "sluice/shape_ops.h"

namespace sluice {

namespace {

using AxisList = std::vector<std::int64_t>;
constexpr double kInfinite = std::numeric_limits<double>::infinity();

void check_dtype(std::string_view op, std::string_view expected, bool fits, const Arg& x) {
  if (!fits) fail_at_user(fmt::format("{}: expected {}, got {}", op, expected, to_string(x.type())));
}

/// Returns the shape of a result of folding `axes`.
Shape shape_of_result(const Shape& shape, const AxisList& axes, bool keepdims) {
  Shape left;
  for (int axis = 0; axis < shape.rank(); ++axis) {
    if (!std::ranges::binary_search(axes, axis)) {
      left.push_back(shape[axis]);
    } else if (keepdims) {
      left.push_back(1);
    }
  }
  return left;
}

/// Returns x as [before, elements to fold, after], with no part of a row to copy: that is far slower than whole rows.
Tensor with_folded_axes_as_one(const Tensor& x, const AxisList& axes) {
  Dim folded = 1;
  for (const std::int64_t axis : axes) folded = folded * x.shape()[static_cast<int>(axis)];
  const Dim before = detail::around_axis(x.shape(), static_cast<int>(axes.front())).before;
  const Dim after = detail::around_axis(x.shape(), static_cast<int>(axes.back())).after;
  const bool in_a_row = axes.back() - axes.front() + 1 == static_cast<std::int64_t>(axes.size());
  if (in_a_row && (after != Dim(1) || before == Dim(1))) return reshape(x, {before, folded, after});
  AxisList order = axes;
  Dim kept = 1;
  for (int axis = 0; axis < x.rank(); ++axis) {
    if (std::ranges::binary_search(axes, axis)) continue;
    order.push_back(axis);
    kept = kept * x.shape()[axis];
  }
  return reshape(transpose(x, order), {1, folded, kept});
}

/// Returns x with `value` added along those of the axes that may be empty: a maximum needs an element.
Tensor with_an_element(const Tensor& x, const AxisList& axes, const Literal& value) {
  Tensor result = x;
  for (const std::int64_t axis : axes) {
    const auto at = static_cast<int>(axis);
    if (x.shape()[at].always_at_least(1)) continue;
    result = concat({result, full(detail::with_size(result.shape(), at, 1), value, x.dtype())}, at);
  }
  return result;
}

/// Returns the root of the sum, or mean, of squares, with the folded axes as 1.
Tensor root_of_squares(const Tensor& x, const AxisList& axes, bool mean) {
  constexpr ReduceOptions kKeep{.keepdims = true};
  const auto fold = [&](const Tensor& squares) {
    return mean ? reduce_mean(squares, axes, kKeep) : reduce_sum(squares, axes, kKeep);
  };
  // The result and its derivatives are the same for every scale, so no derivative needs to pass here.
  const Tensor largest = stop_gradient(reduce_max(abs(with_an_element(x, axes, 0)), axes, kKeep));
  const Tensor scale = select((largest > 0) & (largest < kInfinite), largest, 1);
  const Tensor squares = fold(square(x / scale));
  // The slope of sqrt at 0 is infinite, but 0 where no derivative comes to it.
  return scale * select(squares == 0, 0, sqrt(squares));
}

/// Returns how many of the bools are `value`.
Tensor count_of(std::string_view op, const Arg& x, const Axes& axes, ReduceOptions options, bool value) {
  check_dtype(op, "bools", x.dtype() == DType::kBool, x);
  const AxisList folded = axes.of(op, x.type());
  return reduce_sum(cast(value ? x.tensor() : ~x, DType::kI64), folded, options);
}

}  // namespace

Tensor argmin(const Arg& x, int axis) {
  const Scope scope(x.where());
  const int from_first = detail::normalize_axis("argmin", axis, x.type());
  check_dtype("argmin", "numbers", x.dtype() != DType::kBool, x);
  if (x.shape()[from_first] == Dim(0))
    fail_at_user(fmt::format("argmin: no element along axis {} of {}", from_first, to_string(x.type())));
  if (is_float(x.dtype())) return argmax(-x, from_first);
  // Reverses the order of integers without overflow, which -x has for the least one and for u8.
  return argmax(x.dtype() == DType::kU8 ? 255 - x : -1 - x, from_first);
}

Tensor reduce_prod(const Arg& x, const Axes& axes, ReduceOptions options) {
  const Scope scope(x.where());
  check_dtype("reduce_prod", "numbers", x.dtype() != DType::kBool, x);
  const AxisList folded = axes.of("reduce_prod", x.type());
  for (const std::int64_t axis : folded) {
    detail::number_of_elements(
        "reduce_prod", x.type(), static_cast<int>(axis),
        "a product is multiplied pairwise, in a number of steps that is known when it is traced");
  }
  if (folded.empty()) return x.tensor();
  // Halves the axis until one element is left. Derivatives of these products never divide.
  Tensor products = with_folded_axes_as_one(x, folded);
  // As a sum, 1 also depends on x, so that gradients do not warn.
  if (products.shape()[1] == Dim(0)) return reduce_sum(x, folded, options) + 1;
  Tensor odd;
  for (std::int64_t count = products.shape()[1].size; count > 1; count /= 2) {
    if (count % 2 == 1) {
      const Tensor last = detail::part(products, 1, count - 1, count);
      odd = odd.empty() ? last : odd * last;
    }
    const std::int64_t half = count / 2;
    products = detail::part(products, 1, 0, half) * detail::part(products, 1, half, 2 * half);
  }
  if (!odd.empty()) products *= odd;
  return reshape(products, shape_of_result(x.shape(), folded, options.keepdims));
}

Tensor reduce_any(const Arg& x, const Axes& axes, ReduceOptions options) {
  const Scope scope(x.where());
  return count_of("reduce_any", x, axes, options, true) != 0;
}

Tensor reduce_all(const Arg& x, const Axes& axes, ReduceOptions options) {
  const Scope scope(x.where());
  return count_of("reduce_all", x, axes, options, false) == 0;
}

Tensor reduce_logsumexp(const Arg& x, const Axes& axes, ReduceOptions options) {
  const Scope scope(x.where());
  check_dtype("reduce_logsumexp", "floats", is_float(x.dtype()), x);
  const AxisList folded = axes.of("reduce_logsumexp", x.type());
  const Tensor elements = with_an_element(x, folded, -kInfinite);
  const Tensor largest = stop_gradient(reduce_max(elements, folded, {.keepdims = true}));
  // An infinite shift would subtract infinities.
  const Tensor shift = select(abs(largest) < kInfinite, largest, 0);
  const Tensor sum = reduce_sum(exp(elements - shift), folded, {.keepdims = true});
  // Where all are -inf, the slope of log at 0 would be infinite.
  const Tensor none = largest == -kInfinite;
  const Tensor result = select(none, -kInfinite, shift + log(select(none, 1, sum)));
  return reshape(result, shape_of_result(x.shape(), folded, options.keepdims));
}

Tensor norm(const Arg& x, const Axes& axes, NormOptions options) {
  const Scope scope(x.where());
  check_dtype("norm", "floats", is_float(x.dtype()), x);
  const AxisList folded = axes.of("norm", x.type());
  const ReduceOptions reduce{.keepdims = options.keepdims};
  if (options.ord == 1) return reduce_sum(abs(x), folded, reduce);
  if (options.ord == kInfinite) return reduce_max(abs(with_an_element(x, folded, 0)), folded, reduce);
  if (options.ord != 2) fail_at_user(fmt::format("norm: ord is 1, 2 or infinity, got {}", options.ord));
  return reshape(root_of_squares(x, folded, false), shape_of_result(x.shape(), folded, options.keepdims));
}

Tensor reduce_std(const Arg& x, const Axes& axes, ReduceOptions options) {
  const Scope scope(x.where());
  check_dtype("reduce_std", "floats", is_float(x.dtype()), x);
  const AxisList folded = axes.of("reduce_std", x.type());
  const Tensor distances = x - reduce_mean(x, folded, {.keepdims = true});
  return reshape(root_of_squares(distances, folded, true), shape_of_result(x.shape(), folded, options.keepdims));
}

}  // namespace sluice
