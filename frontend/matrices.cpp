#include "sluice/matrices.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "frontend/along_axis.h"
#include "frontend/broadcasting.h"
#include "sluice/contraction.h"
#include "sluice/detail/trace.h"
#include "sluice/elementwise.h"
#include "sluice/shape_ops.h"

namespace sluice {

namespace {

void check_matrix(std::string_view op, const Arg& x) {
  if (x.rank() < 2) fail_at_user(fmt::format("{}: expected a matrix [..., m, n], got {}", op, to_string(x.type())));
}

/// Returns how far an element of [rows, columns] is above the main diagonal.
Tensor above_diagonal(Dim rows, Dim columns) {
  return iota({rows, columns}, 1, DType::kI64) - iota({rows, columns}, 0, DType::kI64);
}

Tensor above_diagonal(const Arg& x) { return above_diagonal(x.shape()[x.rank() - 2], x.shape()[x.rank() - 1]); }

}  // namespace

Tensor eye(Dim rows, DType dtype, std::source_location where) { return eye(rows, rows, dtype, where); }

Tensor eye(Dim rows, Dim columns, DType dtype, std::source_location where) {
  const Scope scope(where);
  Trace::required("eye");
  return cast(above_diagonal(rows, columns) == 0, dtype);
}

Tensor tril(const Arg& x, std::int64_t k) {
  const Scope scope(x.where());
  check_matrix("tril", x);
  return select(above_diagonal(x) <= k, x, zeros_like(x));
}

Tensor triu(const Arg& x, std::int64_t k) {
  const Scope scope(x.where());
  check_matrix("triu", x);
  return select(above_diagonal(x) >= k, x, zeros_like(x));
}

Tensor diag(const Arg& x) {
  const Scope scope(x.where());
  if (x.rank() == 0) fail_at_user(fmt::format("diag: expected a diagonal [..., n], got {}", to_string(x.type())));
  const Dim size = x.shape()[x.rank() - 1];
  const Tensor rows = reshape(x, detail::with_axes(x.shape(), x.rank() - 1, {size, 1}));
  return select(above_diagonal(size, size) == 0, rows, zeros_like(rows));
}

Tensor diag_part(const Arg& x) {
  const Scope scope(x.where());
  check_matrix("diag_part", x);
  const Dim rows = x.shape()[x.rank() - 2];
  const Dim columns = x.shape()[x.rank() - 1];
  if (rows != columns && (rows.batch || columns.batch)) {
    fail_at_user(fmt::format("diag_part: which of {} and {} is smaller is not known, in {}", to_string(rows),
                             to_string(columns), to_string(x.type())));
  }
  const Dim count = rows == columns ? rows : std::min(rows.size, columns.size);
  Shape flat(std::vector<Dim>(x.shape().begin(), x.shape().end() - 1));
  flat[x.rank() - 2] = rows * columns;
  return detail::taken(reshape(x, flat), detail::times(range(count), columns + 1), x.rank() - 2);
}

Tensor outer(const Arg& a, const Arg& b) {
  const Scope scope(a.where());
  const std::array<TensorOrNumber, 2> operands{reshape(a, {-1, 1}), reshape(b, {1, -1})};
  return Trace::required("outer").add(ir::Op::kMul, detail::unify("outer", operands));
}

Tensor dot(const Arg& a, const Arg& b) {
  const Scope scope(a.where());
  if (a.rank() == 0 || b.rank() == 0) {
    const std::array<TensorOrNumber, 2> operands{a, b};
    return Trace::required("dot").add(ir::Op::kMul, detail::unify("dot", operands));
  }
  const int last = a.rank() - 1;
  const int other = std::max(b.rank() - 2, 0);
  if (a.shape()[last] != b.shape()[other]) {
    fail_at_user(fmt::format("dot: sizes differ: axis {} of {} is {}, axis {} of {} is {}", last, to_string(a.type()),
                             to_string(a.shape()[last]), other, to_string(b.type()), to_string(b.shape()[other])),
                 std::array{a.tensor(), b.tensor()});
  }
  return tensordot(a, b, {last}, {other});
}

}  // namespace sluice
