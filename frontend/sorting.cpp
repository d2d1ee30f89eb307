#include "sluice/sorting.h"

#include <fmt/format.h>

#include <array>

#include "frontend/along_axis.h"
#include "frontend/axes.h"
#include "sluice/array_ops.h"
#include "sluice/detail/trace.h"
#include "sluice/indexing.h"

namespace sluice {

namespace {

/// Throws Error unless x has numbers and axes, and returns the axis counted from the first.
int axis_to_sort(std::string_view op, const Arg& x, int axis) {
  if (x.dtype() == DType::kBool || x.rank() == 0)
    fail_at_user(fmt::format("{}: expected numbers along an axis, got {}", op, to_string(x.type())),
                 std::array{x.tensor()});
  return detail::normalize_axis(op, axis, x.type());
}

/// Positions along the last axis.
Tensor order_of(std::string_view op, const Tensor& x, bool descending) {
  return Trace::required(op).add(ir::Op::kArgsort, {x}, {{ir::Attr::kDescending, descending}});
}

}  // namespace

Tensor argsort(const Arg& x, int axis, SortOptions options) {
  const Scope scope(x.where());
  const int from_first = axis_to_sort("argsort", x, axis);
  const int last = x.rank() - 1;
  if (from_first == last) return order_of("argsort", x, options.descending);
  return swapaxes(order_of("argsort", swapaxes(x, from_first, last), options.descending), from_first, last);
}

Tensor sort(const Arg& x, int axis, SortOptions options) {
  const Scope scope(x.where());
  const int from_first = axis_to_sort("sort", x, axis);
  const int last = x.rank() - 1;
  const Tensor rows = from_first == last ? x.tensor() : swapaxes(x, from_first, last);
  const Tensor sorted = take_along_axis(rows, order_of("sort", rows, options.descending), last);
  return from_first == last ? sorted : swapaxes(sorted, from_first, last);
}

TopK top_k(const Arg& x, std::int64_t k) {
  const Scope scope(x.where());
  const int last = axis_to_sort("top_k", x, -1);
  const std::int64_t n = detail::number_of_elements("top_k", x.type(), last, "k is compared with it");
  if (k < 0 || k > n)
    fail_at_user(fmt::format("top_k: expected 0 <= k <= {} for {}, got {}", n, to_string(x.type()), k),
                 std::array{x.tensor()});
  const Tensor indices = detail::part(order_of("top_k", x, true), last, 0, k);
  return {take_along_axis(x, indices, last), indices};
}

}  // namespace sluice
