#include <oneapi/dnnl/dnnl.h>

#include "bench/peers/mlp_peer.h"

namespace sluice::bench {

namespace {

struct OnednnGemm {
  static void multiply(int m, int n, int k, const Operand& a, const Operand& b, float* c, int c_stride) {
    // Serial inside of a parallel region.
    dnnl_sgemm(a.transposed ? 'T' : 'N', b.transposed ? 'T' : 'N', m, n, k, 1, a.data, a.stride, b.data, b.stride, 0, c,
               c_stride);
  }
};

}  // namespace

std::unique_ptr<Peer> make_onednn_peer(const PeerOptions& options) {
  return std::make_unique<MlpPeer<OnednnGemm>>(options);
}

}  // namespace sluice::bench
