#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "sluice/dataset.h"
#include "sluice/sluice.h"

namespace sluice {

inline constexpr std::int64_t kBatch = 128;
/// The size of an epoch's last batch with 50,000 training images.
inline constexpr std::int64_t kRaggedBatch = 80;

/// Returns `count` training examples: from MNIST if SLUICE_DATA_DIR is set, otherwise synthetic digits.
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

  /// Returns loss and accuracy of a batch and updates the weights.
  Function<std::array<Tensor, 2>, 2> train_step;
  /// Returns loss and accuracy of a batch.
  Function<std::array<Tensor, 2>, 2> evaluate;
  /// Returns the loss and its gradient with respect to each trainable variable.
  Function<std::vector<Tensor>, 2> loss_and_gradients;

  /// Returns weights, moments and everything else that a training step changes.
  std::vector<Variable> state() const;

 private:
  Tensor logits(const Tensor& images) { return model(reshape(cast(images, f32), {batch, 784}) / 255); }
  std::array<Tensor, 2> metrics(const Tensor& images, const Tensor& labels);
};

/// Returns |a - b| / |b| as vectors. Infinite if b is zero and a is not, or if an element is not finite.
double relative_norm(const Array& a, const Array& b);

}  // namespace sluice
