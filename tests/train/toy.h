#pragma once

#include <cstdint>
#include <source_location>
#include <utility>

#include "sluice/dataset.h"
#include "sluice/random_stream.h"
#include "sluice/sluice.h"

namespace sluice {

/// Returns `count` noisy images u8[4,4] labeled by their brighter half, upper (0) or lower (1).
inline Dataset toy_examples(std::int64_t count, std::uint64_t seed = 1) {
  RandomStream random(seed);
  Array images(DType::kU8, {count, 4, 4});
  Array labels(DType::kU8, {count});
  for (std::int64_t i = 0; i < count; ++i) {
    const std::uint32_t label = random.below(2);
    labels.data<std::uint8_t>()[static_cast<std::size_t>(i)] = static_cast<std::uint8_t>(label);
    for (std::uint32_t pixel = 0; pixel < 16; ++pixel) {
      const bool bright = (pixel < 8) == (label == 0);
      images.data<std::uint8_t>()[static_cast<std::size_t>(i) * 16 + pixel] =
          static_cast<std::uint8_t>(random.below(160) + (bright ? 90 : 0));
    }
  }
  return {images, labels};
}

inline std::vector<TensorSpec> toy_batch() { return {u8(batch, 4, 4), u8(batch)}; }

/// A perceptron 16-8-2 with dropout and Adam: it has all kinds of state.
struct ToyModel {
  MLP model{Dense(8, relu), Dense(2)};
  Adam adam{{.learning_rate = 1e-2}};

  Objective objective(const Tensor& images, const Tensor& labels, Mode mode) {
    const Tensor x = dropout(reshape(cast(images, f32), {batch, 16}) / 255, 0.25, mode);
    const Tensor logits = model(x);
    return {.loss = reduce_mean(sparse_softmax_cross_entropy(logits, labels)),
            .metrics = {{"accuracy", reduce_mean(cast(argmax(logits, 1) == cast(labels, i64), f32))}}};
  }

  Trainer trainer{model, adam, toy_batch(), [this](const Tensor& images, const Tensor& labels, Mode mode) {
                    return objective(images, labels, mode);
                  }};

  /// Returns a trainer of the same objective with other options or another optimizer.
  Trainer trainer_with(TrainerOptions options, std::source_location where = std::source_location::current()) {
    return trainer_with(adam, std::move(options), where);
  }
  template <typename Method>
  Trainer trainer_with(const Method& optimizer, TrainerOptions options,
                       std::source_location where = std::source_location::current()) {
    return Trainer(
        model, optimizer, toy_batch(),
        [this](const Tensor& images, const Tensor& labels, Mode mode) { return objective(images, labels, mode); },
        std::move(options), where);
  }

  /// Returns a hash of weights, moments and learning rate.
  std::uint64_t hash() const {
    std::vector<Variable> all = model.variables();
    for (const Variable& variable : adam.variables()) all.push_back(variable);
    return hash_of(all);
  }
};

/// A model with a single number w and the loss w^2, whatever the batch is.
struct Parabola : Module {
  Variable w = register_variable(Variable("w", Array::scalar(1.F)));
  SGD sgd;

  explicit Parabola(double learning_rate) : sgd({.learning_rate = learning_rate}) {}
  Objective objective() const { return {.loss = square(w), .metrics = {{"w", w * 1}}}; }
  float value() const { return w.value().item<float>(); }
};

}  // namespace sluice
