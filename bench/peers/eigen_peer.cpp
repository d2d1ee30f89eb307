#include <Eigen/Dense>

#include "bench/peers/mlp_peer.h"

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
    } else {
      result.noalias() = left * right;
    }
  }
};

}  // namespace

std::unique_ptr<Peer> make_eigen_peer(const PeerOptions& options) {
  Eigen::setNbThreads(1);  // the step itself is what runs in parallel
  return std::make_unique<MlpPeer<EigenGemm>>(options);
}

}  // namespace sluice::bench
