#include <cblas.h>

#include "bench/peers/peer.h"

namespace sluice::bench {

namespace {

class OpenblasProduct : public PeerProduct {
 public:
  explicit OpenblasProduct(const ProductOptions& options) : options_(options) {}
  void run() override {
    const ProductOptions& o = options_;
    cblas_sgemm(CblasRowMajor, o.a.transposed ? CblasTrans : CblasNoTrans, o.b.transposed ? CblasTrans : CblasNoTrans,
                o.m, o.n, o.k, 1, o.a.data, o.a.stride, o.b.data, o.b.stride, 0, o.result, o.n);
  }

 private:
  ProductOptions options_;
};

std::unique_ptr<PeerProduct> make_product(const ProductOptions& options) {
  openblas_set_num_threads(options.threads);
  return std::make_unique<OpenblasProduct>(options);
}

constexpr Peer kPeers[] = {{"openblas", nullptr, make_product}};

}  // namespace

std::span<const Peer> openblas_peers() { return kPeers; }

}  // namespace sluice::bench
