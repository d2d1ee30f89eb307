#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "sluice/dataset.h"
#include "sluice/sluice.h"

namespace sluice {

inline constexpr std::int64_t kBatch = 128;
/// What 50,000 training images leave for the last batch of an epoch.
inline constexpr std::int64_t kRaggedBatch = 80;

/// `count` examples to train with: of MNIST where SLUICE_DATA_DIR is set, else synthetic digits.
Dataset guide_examples(std::int64_t count);

/// The model of the guide, 784-700-500-10, with its training step, as a user writes it (examples/mnist_mlp.cpp).
class GuideModel {
 public:
  /// Draws the weights by `seed`.
  explicit GuideModel(std::int64_t seed);
  GuideModel(const GuideModel&) = delete;
  GuideModel& operator=(const GuideModel&) = delete;

  MLP model{Dense(700, relu), Dense(500, relu), Dense(10)};
  Adam adam{{.learning_rate = 1e-3, .epsilon_place = AdamEpsilon::kPyTorch}};

  /// Loss and accuracy of a batch, and new weights.
  Function<std::array<Tensor, 2>, 2> train_step;
  /// Loss and accuracy of a batch.
  Function<std::array<Tensor, 2>, 2> evaluate;
  /// The loss and its gradient by each trainable variable.
  Function<std::vector<Tensor>, 2> loss_and_gradients;

  /// Weights, moments and all else that a training step changes.
  std::vector<Variable> state() const;

 private:
  Tensor logits(const Tensor& images) { return model(reshape(cast(images, f32), {batch, 784}) / 255); }
  std::array<Tensor, 2> metrics(const Tensor& images, const Tensor& labels);
};

/// |a - b| / |b|, both as vectors. Infinite if b is zero and a is not, or if an element is no number.
double relative_norm(const Array& a, const Array& b);

}  // namespace sluice
