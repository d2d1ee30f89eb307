#include "sluice/cumulative.h"

#include <fmt/format.h>

#include "frontend/along_axis.h"
#include "frontend/axes.h"
#include "sluice/detail/trace.h"
#include "sluice/elementwise.h"
#include "sluice/reduce.h"
#include "sluice/shape_ops.h"

namespace sluice {

namespace {

/// Returns x moved by one along the axis of n elements, with `first` at the end where the result begins.
Tensor moved_by_one(const Tensor& x, int axis, std::int64_t n, std::int64_t first, bool reverse) {
  const Tensor start = full(detail::with_size(x.shape(), axis, 1), first, x.dtype());
  if (reverse) return concat({detail::part(x, axis, 1, n), start}, axis);
  return concat({start, detail::part(x, axis, 0, n - 1)}, axis);
}

/// Combines each element with the one `distance` before it, for distances 1, 2, 4, ...: Hillis and Steele, "Data
/// parallel algorithms", 1986.
template <typename Combine>
Tensor scanned(const Tensor& x, int axis, std::int64_t n, bool reverse, Combine combine) {
  const auto [before, size, after] = detail::around_axis(x.shape(), axis);
  if (after == Dim(1) && before != Dim(1)) {
    // Parts of rows are far slower to copy than whole rows.
    const Tensor columns = transpose(reshape(x, {before, size}));
    return reshape(transpose(scanned(columns, 0, n, reverse, combine)), x.shape());
  }
  Tensor result = x;
  for (std::int64_t distance = 1; distance < n; distance *= 2) {
    const Tensor low = detail::part(result, axis, 0, n - distance);
    const Tensor high = detail::part(result, axis, distance, n);
    const Tensor both = reverse ? combine(high, low) : combine(low, high);
    result = reverse ? concat({both, detail::part(result, axis, n - distance, n)}, axis)
                     : concat({detail::part(result, axis, 0, distance), both}, axis);
  }
  return result;
}

/// Up to this many elements, sums_of_selected() takes about as long as scanned(), and it is one kernel.
constexpr std::int64_t kMostSelected = 256;

/// Adds for each element those that its sum has. Selects instead of multiplying by 0 or 1: 0 * NaN would be NaN.
Tensor sums_of_selected(const Tensor& x, int axis, CumulativeOptions options) {
  const auto [before, n, after] = detail::around_axis(x.shape(), axis);
  const Tensor rows = transpose(reshape(x, {before, n, after}), {0, 2, 1});
  const Tensor sum = iota({n, n}, 0, DType::kI64);
  const Tensor element = iota({n, n}, 1, DType::kI64);
  const Tensor& early = options.reverse ? sum : element;
  const Tensor& late = options.reverse ? element : sum;
  const Tensor selected = options.exclusive ? early < late : early <= late;
  const Tensor sums = reduce_sum(select(selected, reshape(rows, {before * after, 1, n}), 0), 2);
  return reshape(transpose(reshape(sums, {before, after, n}), {0, 2, 1}), x.shape());
}

void check_number(std::string_view op, const Arg& x) {
  if (x.dtype() == DType::kBool)
    fail_at_user(fmt::format("{}: expected numbers, got {}; convert with cast", op, to_string(x.type())));
}

}  // namespace

Tensor cumsum(const Arg& x, int axis, CumulativeOptions options) {
  const Scope scope(x.where());
  const int from_first = detail::normalize_axis("cumsum", axis, x.type());
  check_number("cumsum", x);
  const Dim n = x.shape()[from_first];
  if (n.batch || n.size <= kMostSelected) return sums_of_selected(x, from_first, options);
  const Tensor terms = options.exclusive ? moved_by_one(x, from_first, n.size, 0, options.reverse) : x.tensor();
  return scanned(terms, from_first, n.size, options.reverse, [](const Tensor& a, const Tensor& b) { return a + b; });
}

Tensor cumprod(const Arg& x, int axis, CumulativeOptions options) {
  const Scope scope(x.where());
  const int from_first = detail::normalize_axis("cumprod", axis, x.type());
  check_number("cumprod", x);
  const std::int64_t n =
      detail::number_of_elements("cumprod", x.type(), from_first,
                                 "products are multiplied pairwise, in a number of steps that is known when they "
                                 "are traced");
  if (n == 0) return x.tensor();
  const Tensor factors = options.exclusive ? moved_by_one(x, from_first, n, 1, options.reverse) : x.tensor();
  return scanned(factors, from_first, n, options.reverse, [](const Tensor& a, const Tensor& b) { return a * b; });
}

}  // namespace sluice
