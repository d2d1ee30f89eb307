#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

// The programs that Sluice is compared with, as one would write them by hand on a library of products. The interfaces
// are independent of the library, whose headers are compiled with their own flags.
namespace sluice::bench {

/// A perceptron with relu between its layers, and its training data.
struct MlpOptions {
  std::vector<int> sizes;  ///< of the input, of each hidden layer and of the result: 784, 700, 500, 10
  int threads;
  int max_batch;
  /// Examples of sizes.front() numbers from 0 to 1, which must outlive the program, and their labels from 0 to 9.
  const float* images;
  const std::uint8_t* labels;
};

class PeerMlp {
 public:
  virtual ~PeerMlp() = default;
  /// Gathers the examples `rows`, trains on them with Adam and returns their mean loss. At most `max_batch` rows.
  virtual double step(std::span<const std::uint32_t> rows) = 0;
  /// Returns the logits of the first `count` examples, valid until the next call. At most `max_batch`.
  virtual const float* infer(int count) = 0;
};

/// A row-major matrix in memory: element (i, j) at data[i * stride + j]; `transposed` swaps i and j.
struct Operand {
  const float* data;
  int stride;
  bool transposed = false;
};

/// result = a b, of m rows and n columns, row-major; k is the inner size.
struct ProductOptions {
  int m;
  int n;
  int k;
  Operand a;
  Operand b;
  bool b_is_constant;  ///< b may be converted to another layout beforehand
  float* result;
  int threads;
};

class PeerProduct {
 public:
  virtual ~PeerProduct() = default;
  virtual void run() = 0;
};

/// A product that is one call of Gemm::multiply(m, n, k, a, b, c, c_stride).
template <typename Gemm>
class ProductOver : public PeerProduct {
 public:
  explicit ProductOver(const ProductOptions& options) : options_(options) {}
  void run() override {
    const ProductOptions& o = options_;
    Gemm::multiply(o.m, o.n, o.k, o.a, o.b, o.result, o.n);
  }

 private:
  ProductOptions options_;
};

/// A library and its contestants; null, or a null result, if it lacks one.
struct Peer {
  const char* name;
  std::unique_ptr<PeerMlp> (*make_mlp)(const MlpOptions& options);
  std::unique_ptr<PeerProduct> (*make_product)(const ProductOptions& options);
};

/// Returns those whose libraries this build has found.
std::vector<Peer> all_peers();

// Defined in each peer's library.
#if defined(__GNUC__)
#define SLUICE_PEER_API __attribute__((visibility("default")))
#else
#define SLUICE_PEER_API
#endif

SLUICE_PEER_API std::span<const Peer> eigen_peers();
SLUICE_PEER_API std::span<const Peer> onednn_peers();
SLUICE_PEER_API std::span<const Peer> openblas_peers();

}  // namespace sluice::bench
