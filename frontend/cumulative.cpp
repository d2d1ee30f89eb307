#include "sluice/cumulative.h"

#include <fmt/format.h>

#include "frontend/along_axis.h"
#include "frontend/axes.h"
#include "sluice/detail/trace.h"
#include "sluice/shape_ops.h"

namespace sluice {

namespace {

/// Returns x moved by one along the axis, with `first` at the end where the result begins.
Tensor moved_by_one(const Tensor& x, int axis, const Literal& first, bool reverse) {
  const Dim n = x.shape()[axis];
  if (n == Dim(0)) return x;
  const Tensor start = full(detail::with_size(x.shape(), axis, 1), first, x.dtype());
  if (reverse) return concat({detail::part(x, axis, 1, n), start}, axis);
  return concat({start, detail::part(x, axis, 0, n - 1)}, axis);
}

/// Returns x, but 0 for all but the first element along the axis: -0 for floats, which leaves what it is added to.
Tensor first_alone(const Tensor& x, int axis, bool reverse) {
  const Dim n = x.shape()[axis];
  const Literal zero = is_float(x.dtype()) ? Literal(-0.0) : Literal(0);
  const Tensor others = full(detail::with_size(x.shape(), axis, n - 1), zero, x.dtype());
  if (reverse) return concat({others, detail::part(x, axis, n - 1, n)}, axis);
  return concat({detail::part(x, axis, 0, 1), others}, axis);
}

void check_number(std::string_view op, const Arg& x) {
  if (x.dtype() == DType::kBool)
    fail_at_user(fmt::format("{}: expected numbers, got {}; convert with cast", op, to_string(x.type())));
}

Tensor recurrence(ir::Op op, std::vector<Tensor> operands, int axis, bool reverse) {
  return Trace::required(to_string(op))
      .add(op, operands, {{ir::Attr::kAxis, std::int64_t{axis}}, {ir::Attr::kReverse, reverse}});
}

}  // namespace

Tensor cumsum(const Arg& x, int axis, CumulativeOptions options) {
  const Scope scope(x.where());
  const int from_first = detail::normalize_axis("cumsum", axis, x.type());
  check_number("cumsum", x);
  const Tensor terms = options.exclusive ? moved_by_one(x, from_first, 0, options.reverse) : x.tensor();
  return recurrence(ir::Op::kCumsum, {terms}, from_first, options.reverse);
}

Tensor cumprod(const Arg& x, int axis, CumulativeOptions options) {
  const Scope scope(x.where());
  const int from_first = detail::normalize_axis("cumprod", axis, x.type());
  check_number("cumprod", x);
  if (x.shape()[from_first] == Dim(0)) return x.tensor();
  const Tensor factors = options.exclusive ? moved_by_one(x, from_first, 1, options.reverse) : x.tensor();
  const Tensor first = first_alone(factors, from_first, options.reverse);
  return recurrence(ir::Op::kLinearRecurrence, {factors, first}, from_first, options.reverse);
}

Tensor linear_recurrence(const Arg& a, const Arg& b, int axis, bool reverse) {
  const Scope scope(a.where());
  const int from_first = detail::normalize_axis("linear_recurrence", axis, b.type());
  check_number("linear_recurrence", b);
  if (a.dtype() != b.dtype() || a.shape() != b.shape()) {
    fail_at_user(fmt::format("linear_recurrence: expected factors {}, as the terms, got {}", to_string(b.type()),
                             to_string(a.type())));
  }
  return recurrence(ir::Op::kLinearRecurrence, {a, b}, from_first, reverse);
}

}  // namespace sluice
