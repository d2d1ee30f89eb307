#pragma once

#include <omp.h>

#include <algorithm>
#include <array>
#include <random>
#include <vector>

#include "bench/peers/parts.h"
#include "bench/peers/peer.h"

namespace sluice::bench {

/// A row-major matrix in memory: element (i, j) at data[i * stride + j]; `transposed` swaps what i and j mean.
struct Operand {
  const float* data;
  int stride;
  bool transposed = false;
};

/// The step 784-700-500-10 with Adam over Gemm::multiply(m, n, k, a, b, c, c_stride), a serial product c = a b. One
/// parallel region a step: a thread takes a slice of the batch's rows forward and back, then, after the one barrier, a
/// slice of each layer's weights, whose gradients it computes and applies.
template <typename Gemm>
class MlpPeer : public Peer {
 public:
  explicit MlpPeer(const PeerOptions& options) : options_(options), barrier_(options.threads) {
    omp_set_num_threads(options.threads);
    std::mt19937 random(1);
    for (int l = 0; l < kLayers; ++l) {
      layers_[index(l)] = Layer(kSizes[index(l)], kSizes[index(l) + 1], random);
    }
    const std::size_t batch = index(options.max_batch);
    for (int l = 0; l <= kLayers; ++l) {
      activations_[index(l)] = Floats(batch * index(kSizes[index(l)]));
      gradients_[index(l)] = Floats(batch * index(kSizes[index(l)]));
    }
    labels_.resize(batch);
  }

  double step(std::span<const std::uint32_t> rows) override {
    const int batch = static_cast<int>(rows.size());
    const AdamStep adam_step(++step_);
    double loss = 0;
#pragma omp parallel num_threads(options_.threads) reduction(+ : loss)
    {
      flush_denormals();
      const int thread = omp_get_thread_num();
      const Slice slice(batch, thread, options_.threads);
      gather(rows, slice);
      for (int l = 0; l < kLayers; ++l) forward(l, slice);
      loss += softmax_cross_entropy(row(activations_, kLayers, slice.begin), &labels_[index(slice.begin)], slice.size,
                                    batch, row(gradients_, kLayers, slice.begin));
      for (int l = kLayers - 1; l > 0; --l) backward(l, slice);
      if (options_.threads > 1) barrier_.wait();
      for (int l = kLayers - 1; l >= 0; --l) update(l, batch, thread, adam_step);
    }
    return loss / batch;
  }

 private:
  static constexpr int kLayers = 3;
  static constexpr std::array<int, kLayers + 1> kSizes{784, 700, 500, 10};
  using PerSize = std::array<Floats, kLayers + 1>;

  static std::size_t index(int i) { return static_cast<std::size_t>(i); }
  static float* row(const PerSize& values, int l, int i) {
    return values[index(l)].get() + index(i) * index(kSizes[index(l)]);
  }

  /// A parameter with what Adam keeps of it.
  struct Parameter {
    Parameter() = default;
    explicit Parameter(std::size_t count) : value(count), gradient(count), first(count), second(count) {}
    void update(std::size_t begin, std::size_t count, const AdamStep& step) const {
      adam(value.get() + begin, first.get() + begin, second.get() + begin, gradient.get() + begin, count, step);
    }
    Floats value;
    Floats gradient;
    Floats first;
    Floats second;
  };
  struct Layer {
    Layer() = default;
    Layer(int in, int out, std::mt19937& random) : weights(index(in) * index(out)), bias(index(out)) {
      const float limit = std::sqrt(6.0f / static_cast<float>(in + out));  // Xavier-uniform
      std::uniform_real_distribution<float> uniform(-limit, limit);
      std::generate_n(weights.value.get(), index(in) * index(out), [&] { return uniform(random); });
    }
    Parameter weights;
    Parameter bias;
  };

  void gather(std::span<const std::uint32_t> rows, const Slice& slice) {
    for (int i = slice.begin; i < slice.end; ++i) {
      const std::size_t example = rows[index(i)];
      std::memcpy(row(activations_, 0, i), options_.images + example * index(kSizes[0]),
                  index(kSizes[0]) * sizeof(float));
      labels_[index(i)] = options_.labels[example];
    }
  }

  void forward(int l, const Slice& slice) {
    const int in = kSizes[index(l)];
    const int out = kSizes[index(l) + 1];
    float* const result = row(activations_, l + 1, slice.begin);
    const Layer& layer = layers_[index(l)];
    Gemm::multiply(slice.size, out, in, {row(activations_, l, slice.begin), in}, {layer.weights.value.get(), out},
                   result, out);
    add_bias(result, layer.bias.value.get(), slice.size, out, l + 1 < kLayers);
  }

  /// From the gradient of layer l's result to that of its input.
  void backward(int l, const Slice& slice) {
    const int in = kSizes[index(l)];
    const int out = kSizes[index(l) + 1];
    float* const result = row(gradients_, l, slice.begin);
    Gemm::multiply(slice.size, in, out, {row(gradients_, l + 1, slice.begin), out},
                   {layers_[index(l)].weights.value.get(), out, true}, result, in);
    mask_gradient(result, row(activations_, l, slice.begin), index(slice.size) * index(in));
  }

  void update(int l, int batch, int thread, const AdamStep& adam_step) {
    const int in = kSizes[index(l)];
    const int out = kSizes[index(l) + 1];
    const Slice inputs(in, thread, options_.threads);
    const Slice columns(out, thread, options_.threads);
    const std::size_t begin = index(inputs.begin) * index(out);
    const Layer& layer = layers_[index(l)];
    Gemm::multiply(inputs.size, out, batch, {activations_[index(l)].get() + inputs.begin, in, true},
                   {gradients_[index(l) + 1].get(), out}, layer.weights.gradient.get() + begin, out);
    sum_columns(gradients_[index(l) + 1].get(), batch, out, columns, layer.bias.gradient.get());
    layer.weights.update(begin, index(inputs.size) * index(out), adam_step);
    layer.bias.update(index(columns.begin), index(columns.size), adam_step);
  }

  PeerOptions options_;
  SpinBarrier barrier_;
  std::array<Layer, kLayers> layers_;
  PerSize activations_;  // the images, then the results of the layers
  PerSize gradients_;    // of the same
  std::vector<std::uint8_t> labels_;
  long step_ = 0;
};

}  // namespace sluice::bench
