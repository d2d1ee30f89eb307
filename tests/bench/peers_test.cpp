// The peers do the work that they are timed for.
#include <doctest/doctest.h>

#include <cmath>
#include <numeric>
#include <vector>

#include "bench/peers/peer.h"
#include "bench/products.h"
#include "ir/random_arrays.h"

using namespace sluice;
using namespace sluice::bench;

namespace {

float element(const Operand& operand, int row, int column) {
  if (operand.transposed) std::swap(row, column);
  return operand.data[row * operand.stride + column];
}

double largest_error(const ProductOptions& options) {
  double largest = 0;
  for (int i = 0; i < options.m; ++i) {
    for (int j = 0; j < options.n; ++j) {
      double sum = 0;
      for (int k = 0; k < options.k; ++k) sum += 1.0 * element(options.a, i, k) * element(options.b, k, j);
      largest = std::max(largest, std::abs(sum - options.result[i * options.n + j]));
    }
  }
  return largest;
}

/// Eight examples of 784 numbers, the first of which determines the label.
struct Examples {
  Examples() : images(random_array({DType::kF32, Shape{8, 784}}, 1, 7, ir::Range{0, 1})) {
    for (int i = 0; i < 8; ++i) labels.push_back(static_cast<std::uint8_t>(i));
  }
  MlpOptions options(int threads) const {
    return {{784, 33, 17, 10}, threads, 8, images.data<float>().data(), labels.data()};
  }
  Array images;
  std::vector<std::uint8_t> labels;
};

}  // namespace

TEST_CASE("every peer's products are correct") {
  for (const ProductKind kind : {ProductKind::kForward, ProductKind::kWeightGradient, ProductKind::kInputGradient}) {
    const Product product(kind, 19, 37, 23);
    for (const Peer& peer : all_peers()) {
      for (const int threads : {1, 2}) {
        CAPTURE(peer.name);
        CAPTURE(threads);
        Array result;
        const ProductOptions options = product.peer_options(threads, result);
        CHECK(options.m * options.n * options.k == 19 * 37 * 23);
        const std::unique_ptr<PeerProduct> made = peer.make_product(options);
        if (made == nullptr) continue;
        made->run();
        CHECK(largest_error(options) < 1e-4);
      }
    }
  }
}

TEST_CASE("every peer's perceptron learns, and infers the same as the others") {
  const Examples examples;
  std::vector<std::uint32_t> rows(8);
  std::iota(rows.begin(), rows.end(), 0U);
  std::vector<float> expected;
  std::vector<double> losses;
  for (const Peer& peer : all_peers()) {
    if (peer.make_mlp == nullptr) continue;
    for (const int threads : {1, 2}) {
      CAPTURE(peer.name);
      CAPTURE(threads);
      const std::unique_ptr<PeerMlp> mlp = peer.make_mlp(examples.options(threads));
      const float* const logits = mlp->infer(8);
      if (expected.empty()) expected.assign(logits, logits + 80);
      for (std::size_t i = 0; i < expected.size(); ++i) {
        CHECK(logits[i] == doctest::Approx(expected[i]).epsilon(1e-3).scale(1));
      }
      std::vector<double> own;
      for (int step = 0; step < 50; ++step) own.push_back(mlp->step(rows));
      CHECK(own.back() < own.front() / 2);
      if (losses.empty()) losses = own;
      for (std::size_t step = 0; step < 5; ++step) CHECK(own[step] == doctest::Approx(losses[step]).epsilon(1e-3));
    }
  }
}
