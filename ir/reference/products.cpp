#include "ir/reference/rules.h"

namespace sluice::ir::reference {

namespace {

/// Returns each of the [rows, columns] matrices in `x`, transposed.
template <typename T>
std::vector<T> transposed(std::span<const T> x, std::size_t rows, std::size_t columns) {
  std::vector<T> result(x.size());
  for (std::size_t matrix = 0; matrix < x.size(); matrix += rows * columns) {
    for (std::size_t i = 0; i < rows; ++i) {
      for (std::size_t j = 0; j < columns; ++j) result[matrix + j * rows + i] = x[matrix + i * columns + j];
    }
  }
  return result;
}

/// c[m,n] += a[m,k] * b[k,n]. Each element of c is one chain over k, ascending; the inner loop over n lets the compiler
/// work on several chains at once.
template <typename T>
void multiply(const T* a, const T* b, std::span<T> c, std::size_t k, std::size_t n) {
  for (std::size_t i = 0; i * n < c.size(); ++i) {
    T* const row = c.data() + i * n;
    for (std::size_t p = 0; p < k; ++p) {
      const T factor = a[i * k + p];
      const T* const other = b + p * n;
      for (std::size_t j = 0; j < n; ++j) row[j] = row[j] + factor * other[j];
    }
  }
}

}  // namespace

template <>
Tensors rule<Op::kMatmul>(const RuleContext& context) {
  const bool transpose_a = context.attributes().flag(Attr::kTransposeA);
  const bool transpose_b = context.attributes().flag(Attr::kTransposeB);
  const Sizes sizes = context.result_sizes();
  const std::size_t rank = sizes.size();
  const auto m = static_cast<std::size_t>(sizes[rank - 2]);
  const auto n = static_cast<std::size_t>(sizes[rank - 1]);
  const auto k = static_cast<std::size_t>(context.x().sizes()[rank - (transpose_a ? 2 : 1)]);
  return context.x().visit([&]<typename T>(std::span<const T> a) -> Tensors {
    if constexpr (is_float_element<T>) {
      const auto b = context.y().data<T>();
      const std::vector<T> a_copy = transpose_a ? transposed(a, k, m) : std::vector<T>();
      const std::vector<T> b_copy = transpose_b ? transposed(b, n, k) : std::vector<T>();
      Tensor result = Tensor::zeros<T>(sizes);
      const T* lhs = transpose_a ? a_copy.data() : a.data();
      const T* rhs = transpose_b ? b_copy.data() : b.data();
      const std::span<T> matrices = result.data<T>();
      for (std::size_t at = 0; at < matrices.size(); at += m * n, lhs += m * k, rhs += k * n)
        multiply(lhs, rhs, matrices.subspan(at, m * n), k, n);
      return {result};
    } else {
      SLUICE_UNREACHABLE("matmul: the row allows floats only");
    }
  });
}

}  // namespace sluice::ir::reference
