#include <dnnl.h>

#include "bench/peers/mlp.h"
#include "bench/peers/onednn_matmul.h"

namespace sluice::bench {

namespace {

struct OnednnGemm {
  /// Serial inside a parallel region, otherwise with all threads.
  static void multiply(int m, int n, int k, const Operand& a, const Operand& b, float* c, int c_stride) {
    dnnl_sgemm(a.transposed ? 'T' : 'N', b.transposed ? 'T' : 'N', m, n, k, 1, a.data, a.stride, b.data, b.stride, 0, c,
               c_stride);
  }
};

/// Trains on plain products, because no oneDNN layout suits all three that use a weight; infers with primitives that
/// include bias and relu, from the weights at the time this batch size was first used.
class OnednnMlp : public MlpOver<OnednnGemm> {
 public:
  explicit OnednnMlp(const MlpOptions& options) : MlpOver(options), options_(options) {}

  const float* infer(int count) override {
    if (count != count_) prepare(count);
    const float* input = options_.images;
    for (std::size_t l = 0; l < layers_.size(); ++l) {
      layers_[l].run(input, results_[l].get());
      input = results_[l].get();
    }
    return input;
  }

 private:
  void prepare(int count) {
    const std::vector<int>& sizes = options_.sizes;
    layers_.clear();
    results_.clear();
    for (std::size_t l = 0; l + 1 < sizes.size(); ++l) {
      const int layer = static_cast<int>(l);
      layers_.emplace_back(count, sizes[l + 1], sizes[l], Operand{weights(layer), sizes[l + 1]}, bias(layer),
                           l + 2 < sizes.size());
      results_.emplace_back(static_cast<std::size_t>(count) * static_cast<std::size_t>(sizes[l + 1]));
    }
    count_ = count;
  }

  MlpOptions options_;
  int count_ = 0;
  std::vector<OnednnMatmul> layers_;
  std::vector<Floats> results_;
};

class PackedProduct : public PeerProduct {
 public:
  explicit PackedProduct(const ProductOptions& options)
      : options_(options), matmul_(options.m, options.n, options.k, options.b, nullptr, false) {}
  void run() override { matmul_.run(options_.a.data, options_.result); }

 private:
  ProductOptions options_;
  OnednnMatmul matmul_;
};

std::unique_ptr<PeerMlp> make_mlp(const MlpOptions& options) { return std::make_unique<OnednnMlp>(options); }

std::unique_ptr<PeerProduct> make_plain(const ProductOptions& options) {
  omp_set_num_threads(options.threads);
  return std::make_unique<ProductOver<OnednnGemm>>(options);
}

std::unique_ptr<PeerProduct> make_packed(const ProductOptions& options) {
  if (!options.b_is_constant) return nullptr;
  omp_set_num_threads(options.threads);
  return std::make_unique<PackedProduct>(options);
}

constexpr Peer kPeers[] = {{"onednn", make_mlp, make_plain}, {"onednn_packed", nullptr, make_packed}};

}  // namespace

std::span<const Peer> onednn_peers() { return kPeers; }

}  // namespace sluice::bench
