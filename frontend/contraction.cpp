#include "sluice/contraction.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <numeric>

#include "frontend/axes.h"
#include "frontend/broadcasting.h"
#include "frontend/labelled.h"
#include "sluice/detail/trace.h"
#include "sluice/shape_ops.h"

namespace sluice {

using ir::Attr;
using ir::Op;

namespace {

/// Throws Error unless both are of one dtype.
void check_same_dtype(std::string_view op, const Arg& a, const Arg& b) {
  if (a.dtype() == b.dtype()) return;
  const std::array<Tensor, 2> operands{a.tensor(), b.tensor()};
  fail_at_user(fmt::format("{}: operands have different element types: {} and {}; convert with cast", op,
                           to_string(a.type()), to_string(b.type())),
               operands);
}

Shape batch_of(const Tensor& x) {
  return x.rank() < 2 ? Shape{} : Shape(std::vector<Dim>(x.shape().begin(), x.shape().end() - 2));
}

bool is_one_matrix(const Tensor& x) {
  return std::all_of(x.shape().begin(), x.shape().end() - 2, [](Dim dim) { return dim == Dim(1); });
}

Tensor with_batch(const Tensor& x, Shape batch, const Shape& last) {
  for (const Dim dim : last) batch.push_back(dim);
  return reshape(x, batch);
}

Shape last_two(const Tensor& x) { return {x.shape()[x.rank() - 2], x.shape()[x.rank() - 1]}; }

/// The product of operands of rank 2 and more.
class Product {
 public:
  Product(const Arg& a, const Arg& b, MatmulOptions options) : a_(a), b_(b), options_(options) {
    check();
    find_batch();
  }

  /// Returns the product of `a` and `b`, which are the operands, with an extra axis if they were vectors.
  Tensor of(const Tensor& a, const Tensor& b) const {
    if (!is_one_matrix(b)) return of_batches(a, b);
    // One rhs for all matrices: fold their rows into one matrix.
    const Tensor rhs = reshape(b, last_two(b));
    if (is_one_matrix(a)) return in_batch(node(reshape(a, last_two(a)), rhs, options_));
    Tensor lhs = a;
    if (options_.transpose_a) {
      std::vector<std::int64_t> permutation(static_cast<std::size_t>(a.rank()));
      std::iota(permutation.begin(), permutation.end(), 0);
      std::swap(permutation.back(), permutation[permutation.size() - 2]);
      lhs = transpose(a, permutation);
    }
    const Dim inner = lhs.shape()[lhs.rank() - 1];
    const Dim rows = Shape(std::vector<Dim>(lhs.shape().begin(), lhs.shape().end() - 1)).element_count();
    const Tensor product = node(reshape(lhs, {rows, inner}), rhs, {.transpose_b = options_.transpose_b});
    return with_batch(product, batch_, {lhs.shape()[lhs.rank() - 2], product.shape()[1]});
  }

 private:
  static Tensor node(const Tensor& a, const Tensor& b, MatmulOptions options) {
    return Trace::required("matmul").add(
        Op::kMatmul, {a, b}, {{Attr::kTransposeA, options.transpose_a}, {Attr::kTransposeB, options.transpose_b}});
  }

  Tensor in_batch(const Tensor& matrix) const {
    return batch_.rank() == 0 ? matrix : with_batch(matrix, batch_, matrix.shape());
  }

  Tensor of_batches(const Tensor& a, const Tensor& b) const {
    const auto repeated = [&](const Tensor& x) {
      Shape shape = batch_;
      for (const Dim dim : last_two(x)) shape.push_back(dim);
      return detail::broadcast(x, shape);
    };
    return node(repeated(a), repeated(b), options_);
  }

  [[noreturn]] void fail_for_both(const std::string& message) const {
    const std::array<Tensor, 2> operands{a_.tensor(), b_.tensor()};
    fail_at_user("matmul: " + message, operands);
  }

  /// Returns the axis of an operand that is summed over.
  static int inner_axis(const Tensor& x, bool last) { return x.rank() == 1 || last ? x.rank() - 1 : x.rank() - 2; }

  static void check_operand(const Arg& x, bool transposed, std::string_view name) {
    const std::string type = to_string(x.type());
    const std::span<const Tensor> operand(&x.tensor(), 1);
    if (!is_float(x.dtype())) fail_at_user("matmul: takes floats, got " + type, operand);
    if (x.rank() == 0) fail_at_user(fmt::format("matmul: operand {} has no axes, it is {}", name, type), operand);
    if (x.rank() == 1 && transposed)
      fail_at_user(fmt::format("matmul: transpose_{} expects a matrix, got {}", name, type), operand);
  }

  void check() const {
    check_operand(a_, options_.transpose_a, "a");
    check_operand(b_, options_.transpose_b, "b");
    check_same_dtype("matmul", a_, b_);
    const int a_inner = inner_axis(a_, !options_.transpose_a);
    const int b_inner = inner_axis(b_, options_.transpose_b);
    if (a_.shape()[a_inner] != b_.shape()[b_inner]) fail_for_both(differ("inner sizes differ", a_inner, b_inner));
  }

  std::string differ(std::string_view what, int a_axis, int b_axis) const {
    return fmt::format("{}: axis {} of {} is {}, axis {} of {} is {}", what, a_axis, to_string(a_.type()),
                       to_string(a_.shape()[a_axis]), b_axis, to_string(b_.type()), to_string(b_.shape()[b_axis]));
  }

  void find_batch() {
    const Shape of_a = batch_of(a_);
    const Shape of_b = batch_of(b_);
    const int rank = std::max(of_a.rank(), of_b.rank());
    batch_ = Shape(std::vector<Dim>(static_cast<std::size_t>(rank), Dim(1)));
    for (int axis = 0; axis < rank; ++axis) {
      const int in_a = axis - (rank - of_a.rank());
      const int in_b = axis - (rank - of_b.rank());
      const Dim x = in_a < 0 ? Dim(1) : of_a[in_a];
      const Dim y = in_b < 0 ? Dim(1) : of_b[in_b];
      if (x != y && x != Dim(1) && y != Dim(1)) fail_for_both(differ("batch axes do not broadcast", in_a, in_b));
      batch_[axis] = x == Dim(1) ? y : x;
    }
  }

  const Arg& a_;
  const Arg& b_;
  MatmulOptions options_;
  Shape batch_;
};

}  // namespace

Tensor matmul(const Arg& a, const Arg& b, MatmulOptions options) {
  const Scope scope(a.where());
  Trace::required("matmul");
  const Product product(a, b, options);
  if (a.rank() > 1 && b.rank() > 1) return product.of(a, b);
  const Tensor row = a.rank() == 1 ? reshape(a, {1, a.shape()[0]}) : a.tensor();
  const Tensor column = b.rank() == 1 ? reshape(b, {b.shape()[0], 1}) : b.tensor();
  const Tensor result = product.of(row, column);
  std::vector<Dim> dims = result.shape().dims();
  if (b.rank() == 1) dims.pop_back();
  if (a.rank() == 1) dims.erase(dims.end() - (b.rank() == 1 ? 1 : 2));
  return reshape(result, Shape(std::move(dims)));
}

namespace {

/// Axis a_axes[i] of a and b_axes[i] of b have one label and are summed over.
Tensor dot_over(const Arg& a, const Arg& b, const std::vector<int>& a_axes, const std::vector<int>& b_axes) {
  const std::array<Tensor, 2> operands{a.tensor(), b.tensor()};
  if (a.dtype() == DType::kBool)
    fail_at_user(fmt::format("tensordot: takes numbers, got {}", to_string(a.type())), operands);
  check_same_dtype("tensordot", a, b);
  detail::Labels of_a(static_cast<std::size_t>(a.rank()));
  detail::Labels of_b(static_cast<std::size_t>(b.rank()));
  std::iota(of_a.begin(), of_a.end(), 0);
  std::iota(of_b.begin(), of_b.end(), a.rank());
  for (std::size_t i = 0; i < a_axes.size(); ++i) {
    const Dim x = a.shape()[a_axes[i]];
    const Dim y = b.shape()[b_axes[i]];
    if (x != y) {
      fail_at_user(fmt::format("tensordot: sizes differ: axis {} of {} is {}, axis {} of {} is {}", a_axes[i],
                               to_string(a.type()), to_string(x), b_axes[i], to_string(b.type()), to_string(y)),
                   operands);
    }
    of_b[static_cast<std::size_t>(b_axes[i])] = a_axes[i];
  }
  detail::Labels output;
  for (const detail::Label label : of_a) {
    if (!detail::contains(of_b, label)) output.push_back(label);
  }
  for (const detail::Label label : of_b) {
    if (!detail::contains(of_a, label)) output.push_back(label);
  }
  return detail::sum_of_products({{a, of_a}, {b, of_b}}, output);
}

}  // namespace

Tensor tensordot(const Arg& a, const Arg& b, int axes) {
  const Scope scope(a.where());
  Trace::required("tensordot");
  for (const Arg* x : {&a, &b}) {
    if (axes >= 0 && axes <= x->rank()) continue;
    fail_at_user(fmt::format("tensordot: expected a number of axes from 0 to the {} of {}, got {}", x->rank(),
                             to_string(x->type()), axes),
                 {&x->tensor(), 1});
  }
  std::vector<int> last(static_cast<std::size_t>(axes));
  std::vector<int> first(static_cast<std::size_t>(axes));
  std::iota(last.begin(), last.end(), a.rank() - axes);
  std::iota(first.begin(), first.end(), 0);
  return dot_over(a, b, last, first);
}

Tensor tensordot(const Arg& a, const Arg& b, const std::vector<std::int64_t>& a_axes,
                 const std::vector<std::int64_t>& b_axes) {
  const Scope scope(a.where());
  Trace::required("tensordot");
  if (a_axes.size() != b_axes.size()) {
    fail_at_user(
        fmt::format("tensordot: expected as many axes of a as of b, got {} and {}", a_axes.size(), b_axes.size()));
  }
  const auto from_first = [](const Arg& x, const std::vector<std::int64_t>& axes) {
    std::vector<int> found;
    for (const std::int64_t axis : axes) {
      const int at = detail::normalize_axis("tensordot", axis, x.type());
      if (std::ranges::find(found, at) != found.end()) {
        fail_at_user(fmt::format("tensordot: axis {} of {} is named twice", at, to_string(x.type())), {&x.tensor(), 1});
      }
      found.push_back(at);
    }
    return found;
  };
  return dot_over(a, b, from_first(a, a_axes), from_first(b, b_axes));
}

}  // namespace sluice
