#pragma once

#include <omp.h>

#include <algorithm>
#include <random>
#include <vector>

#include "bench/peers/parts.h"
#include "bench/peers/peer.h"

namespace sluice::bench {

/// A perceptron with Adam over Gemm::multiply(m, n, k, a, b, c, c_stride), a serial product c = a b. One parallel
/// region per step: a thread takes a slice of the batch's rows forward and back, then, after the only barrier, a slice
/// of each layer's weights, whose gradients it computes and applies.
template <typename Gemm>
class MlpOver : public PeerMlp {
 public:
  explicit MlpOver(const MlpOptions& options)
      : options_(options), layer_count_(static_cast<int>(options.sizes.size()) - 1), barrier_(options.threads) {
    omp_set_num_threads(options.threads);
    std::minstd_rand random(1);
    for (int l = 0; l < layer_count_; ++l) layers_.emplace_back(size(l), size(l + 1), random);
    for (int l = 0; l <= layer_count_; ++l) {
      activations_.emplace_back(index(options.max_batch) * index(size(l)));
      gradients_.emplace_back(index(options.max_batch) * index(size(l)));
    }
    labels_.resize(index(options.max_batch));
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
      for (int l = 0; l < layer_count_; ++l) forward(l, row(activations_, l, slice.begin), slice);
      loss += softmax_cross_entropy(row(activations_, layer_count_, slice.begin), &labels_[index(slice.begin)],
                                    slice.size, batch, row(gradients_, layer_count_, slice.begin));
      for (int l = layer_count_ - 1; l > 0; --l) backward(l, slice);
      if (options_.threads > 1) barrier_.wait();
      for (int l = layer_count_ - 1; l >= 0; --l) update(l, batch, thread, adam_step);
    }
    return loss / batch;
  }

  const float* infer(int count) override {
#pragma omp parallel num_threads(options_.threads)
    {
      flush_denormals();
      const Slice slice(count, omp_get_thread_num(), options_.threads);
      const float* input = options_.images + index(slice.begin) * index(size(0));
      for (int l = 0; l < layer_count_ && slice.size > 0; ++l) {
        forward(l, input, slice);
        input = row(activations_, l + 1, slice.begin);
      }
    }
    return activations_.back().get();
  }

 protected:
  const float* weights(int l) const { return layers_[index(l)].weights.value.get(); }
  const float* bias(int l) const { return layers_[index(l)].bias.value.get(); }

 private:
  using Matrices = std::vector<Floats>;  // the input and the results of the layers

  static std::size_t index(int i) { return static_cast<std::size_t>(i); }
  int size(int l) const { return options_.sizes[index(l)]; }
  float* row(const Matrices& values, int l, int i) const { return values[index(l)].get() + index(i) * index(size(l)); }

  /// A parameter with Adam's state for it.
  struct Parameter {
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
    Layer(int in, int out, std::minstd_rand& random) : weights(index(in) * index(out)), bias(index(out)) {
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
      std::memcpy(row(activations_, 0, i), options_.images + example * index(size(0)), index(size(0)) * sizeof(float));
      labels_[index(i)] = options_.labels[example];
    }
  }

  void forward(int l, const float* input, const Slice& slice) {
    float* const result = row(activations_, l + 1, slice.begin);
    Gemm::multiply(slice.size, size(l + 1), size(l), {input, size(l)}, {weights(l), size(l + 1)}, result, size(l + 1));
    add_bias(result, bias(l), slice.size, size(l + 1), l + 1 < layer_count_);
  }

  /// Computes the gradient of layer l's input from that of its result.
  void backward(int l, const Slice& slice) {
    const int in = size(l);
    const int out = size(l + 1);
    float* const result = row(gradients_, l, slice.begin);
    Gemm::multiply(slice.size, in, out, {row(gradients_, l + 1, slice.begin), out}, {weights(l), out, true}, result,
                   in);
    mask_gradient(result, row(activations_, l, slice.begin), index(slice.size) * index(in));
  }

  void update(int l, int batch, int thread, const AdamStep& adam_step) {
    const int in = size(l);
    const int out = size(l + 1);
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

  MlpOptions options_;
  int layer_count_;
  SpinBarrier barrier_;
  std::vector<Layer> layers_;
  Matrices activations_;
  Matrices gradients_;
  std::vector<std::uint8_t> labels_;
  long step_ = 0;
};

}  // namespace sluice::bench
