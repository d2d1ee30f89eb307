#pragma once

#include <Eigen/Core>

#include "sluice/array.h"

// Views of arrays as Eigen matrices and vectors: nothing is copied, and the array must outlive the view. Not part of
// sluice/sluice.h, so that only programs that use it need Eigen.
namespace sluice {

template <typename T>
using MatrixView = Eigen::Map<Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>;
template <typename T>
using ConstMatrixView = Eigen::Map<const Eigen::Matrix<T, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>>;
template <typename T>
using VectorView = Eigen::Map<Eigen::Matrix<T, Eigen::Dynamic, 1>>;
template <typename T>
using ConstVectorView = Eigen::Map<const Eigen::Matrix<T, Eigen::Dynamic, 1>>;

namespace detail {
inline void check_rank(const Array& array, int rank, const char* what) {
  if (array.rank() != rank) fail("{}: expected an array of rank {}, got {}", what, rank, to_string(array.type()));
}
}  // namespace detail

/// Returns an array of rank 2 as a row-major matrix. Throws Error if its rank or element type differs.
template <typename T>
MatrixView<T> matrix(Array& array) {
  detail::check_rank(array, 2, "matrix");
  return {array.data<T>().data(), array.sizes()[0], array.sizes()[1]};
}
template <typename T>
ConstMatrixView<T> matrix(const Array& array) {
  detail::check_rank(array, 2, "matrix");
  return {array.data<T>().data(), array.sizes()[0], array.sizes()[1]};
}

/// Returns an array of rank 1 as a vector. Throws Error if its rank or element type differs.
template <typename T>
VectorView<T> vector(Array& array) {
  detail::check_rank(array, 1, "vector");
  return {array.data<T>().data(), array.sizes()[0]};
}
template <typename T>
ConstVectorView<T> vector(const Array& array) {
  detail::check_rank(array, 1, "vector");
  return {array.data<T>().data(), array.sizes()[0]};
}

}  // namespace sluice
