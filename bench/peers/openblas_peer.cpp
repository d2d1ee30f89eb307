#include <cblas.h>

#include "bench/peers/peer.h"

namespace sluice::bench {

namespace {

struct OpenblasGemm {
  static void multiply(int m, int n, int k, const Operand& a, const Operand& b, float* c, int c_stride) {
    cblas_sgemm(CblasRowMajor, a.transposed ? CblasTrans : CblasNoTrans, b.transposed ? CblasTrans : CblasNoTrans, m, n,
                k, 1, a.data, a.stride, b.data, b.stride, 0, c, c_stride);
  }
};

std::unique_ptr<PeerProduct> make_product(const ProductOptions& options) {
  openblas_set_num_threads(options.threads);
  return std::make_unique<ProductOver<OpenblasGemm>>(options);
}

constexpr Peer kPeers[] = {{"openblas", nullptr, make_product}};

}  // namespace

std::span<const Peer> openblas_peers() { return kPeers; }

}  // namespace sluice::bench
