#include "bench/peers/peer.h"

namespace sluice::bench {

std::vector<Peer> all_peers() {
  std::vector<Peer> result;
  [[maybe_unused]] const auto add = [&](std::span<const Peer> peers) {
    result.insert(result.end(), peers.begin(), peers.end());
  };
#if defined(SLUICE_BENCH_EIGEN)
  add(eigen_peers());
#endif
#if defined(SLUICE_BENCH_ONEDNN)
  add(onednn_peers());
#endif
#if defined(SLUICE_BENCH_OPENBLAS)
  add(openblas_peers());
#endif
  return result;
}

}  // namespace sluice::bench
