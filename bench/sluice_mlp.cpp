#include "bench/sluice_mlp.h"

#include <chrono>
#include <cstddef>

namespace sluice::bench {

Perceptron::Perceptron(const std::vector<int>& sizes) : Module("perceptron") {
  for (std::size_t l = 1; l < sizes.size(); ++l) {
    if (l + 1 < sizes.size()) {
      layers_.emplace_back(sizes[l], relu);
    } else {
      layers_.emplace_back(sizes[l]);
    }
    register_module(layers_.back());
  }
}

Tensor Perceptron::operator()(const Arg& x) {
  Tensor result = x;
  for (Dense& layer : layers_) result = layer(result);
  return result;
}

SluiceTraining::SluiceTraining(const std::vector<int>& sizes, const ShuffledDataset& data, int batch_size)
    : batches_(data.batches(batch_size, LastBatch::kDrop)),
      pixels_(sizes.front()),
      model_(sizes),
      adam_({.learning_rate = 1e-3, .epsilon_place = AdamEpsilon::kPyTorch}),
      train_step_(function("train_step",
                           {u8(batch, 28, 28).named("images").range(0, 256), u8(batch).named("labels").range(0, 10)},
                           [this](Tensor images, Tensor labels) { return trace(images, labels); })) {
  const auto start = std::chrono::steady_clock::now();
  train_step_.compile();
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  compile_seconds_ = elapsed.count();
}

double SluiceTraining::step() {
  if (!at_ || *at_ == batches_.end()) at_ = batches_.begin();
  const auto [loss, accuracy] = train_step_((*at_)->input(), (*at_)->target());
  ++*at_;
  return loss.item<double>();
}

std::array<Tensor, 2> SluiceTraining::trace(const Tensor& images, const Tensor& labels) {
  const Tensor logits = model_(reshape(cast(images, f32), {batch, pixels_}) / 255);
  const Tensor loss = reduce_mean(sparse_softmax_cross_entropy(logits, labels));
  const Tensor accuracy = reduce_mean(cast(argmax(logits, 1) == cast(labels, i64), f32));
  adam_.apply(gradients(loss, model_.trainable_variables()), model_.trainable_variables());
  return outputs(loss, accuracy);
}

}  // namespace sluice::bench
