#include "tests/oracles/batched.h"

namespace sluice::oracles {

Tensor times_matrix(const Tensor& x, const Tensor& w) {
  if (x.rank() == 2) return matmul(x, w);
  Shape shape = x.shape();
  const Tensor product = matmul(reshape(x, {-1, shape[x.rank() - 1]}), w);
  shape[x.rank() - 1] = w.shape()[1];
  return reshape(product, shape);
}

namespace {

/// The axes of x before the last two, aligned at the right with `rank` of them.
std::vector<Dim> leading(const Tensor& x, int rank) {
  std::vector<Dim> dims(static_cast<std::size_t>(rank - (x.rank() - 2)), Dim(1));
  dims.insert(dims.end(), x.shape().begin(), x.shape().end() - 2);
  return dims;
}

std::vector<Tensor> matrices(const Tensor& x, const std::vector<Dim>& leading_dims) {
  std::vector<Dim> full(leading_dims);
  std::int64_t count = 1;
  for (const Dim& dim : leading_dims) count *= dim.size;
  const Dim rows = x.shape()[x.rank() - 2];
  const Dim columns = x.shape()[x.rank() - 1];
  full.push_back(rows);
  full.push_back(columns);
  const Tensor flat = reshape(broadcast_to(x, Shape(full)), {count, rows, columns});
  std::vector<Tensor> list;
  for (std::int64_t i = 0; i < count; ++i)
    list.push_back(reshape(slice(flat, {i, 0, 0}, {1, rows, columns}), {rows, columns}));
  return list;
}

}  // namespace

Tensor batched_matmul(const Tensor& a, const Tensor& b, MatmulOptions options) {
  if (a.rank() == 2 && b.rank() == 2) return matmul(a, b, options);
  const int rank = std::max(a.rank(), b.rank()) - 2;
  std::vector<Dim> dims = leading(a, rank);
  const std::vector<Dim> of_b = leading(b, rank);
  for (std::size_t i = 0; i < dims.size(); ++i) {
    if (dims[i] == Dim(1)) dims[i] = of_b[i];
  }
  const std::vector<Tensor> lhs = matrices(a, dims);
  const std::vector<Tensor> rhs = matrices(b, dims);
  std::vector<Tensor> products;
  for (std::size_t i = 0; i < lhs.size(); ++i) {
    const Tensor product = matmul(lhs[i], rhs[i], options);
    products.push_back(reshape(product, {1, product.shape()[0], product.shape()[1]}));
  }
  dims.push_back(products[0].shape()[1]);
  dims.push_back(products[0].shape()[2]);
  return reshape(concat(products, 0), Shape(dims));
}

}  // namespace sluice::oracles
