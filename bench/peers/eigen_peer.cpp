#include <Eigen/Dense>

#include "bench/peers/mlp.h"

namespace sluice::bench {

namespace {

struct EigenGemm {
  static void multiply(int m, int n, int k, const Operand& a, const Operand& b, float* c, int c_stride) {
    using Matrix = Eigen::Matrix<float, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
    using Stride = Eigen::OuterStride<>;
    using ConstMap = Eigen::Map<const Matrix, 0, Stride>;
    const ConstMap left(a.data, a.transposed ? k : m, a.transposed ? m : k, Stride(a.stride));
    const ConstMap right(b.data, b.transposed ? n : k, b.transposed ? k : n, Stride(b.stride));
    Eigen::Map<Matrix, 0, Stride> result(c, m, n, Stride(c_stride));
    if (a.transposed) {
      result.noalias() = left.transpose() * right;
    } else if (b.transposed) {
      result.noalias() = left * right.transpose();
    } else if (m == 1) {
      result.row(0).noalias() = left.row(0) * right;  // selects the vector-matrix product
    } else {
      result.noalias() = left * right;
    }
  }
};

std::unique_ptr<PeerMlp> make_mlp(const MlpOptions& options) {
  Eigen::setNbThreads(1);  // the step itself runs in parallel
  return std::make_unique<MlpOver<EigenGemm>>(options);
}

std::unique_ptr<PeerProduct> make_product(const ProductOptions& options) {
  omp_set_num_threads(options.threads);
  Eigen::setNbThreads(options.threads);
  return std::make_unique<ProductOver<EigenGemm>>(options);
}

constexpr Peer kPeers[] = {{"eigen", make_mlp, make_product}};

}  // namespace

std::span<const Peer> eigen_peers() { return kPeers; }

}  // namespace sluice::bench
