#pragma once

#include <functional>
#include <span>
#include <string>
#include <vector>

#include "sluice/sluice.h"

// Training steps as users write them, of any width and batch.
namespace sluice::models {

/// A step from a batch to losses that assigns the model's variables.
struct Model {
  std::vector<TensorSpec> signature;
  std::function<std::vector<Tensor>(std::span<const Tensor> in)> step;
};

/// Creates a model whose layers have `width` columns, for batches of `rows`, which may be symbolic.
using MakeModel = Model (*)(std::int64_t width, Dim rows);

/// The discriminator's Adam first, then the generator's with the updated discriminator.
Model gan(std::int64_t width, Dim rows);
/// The decoder is the transpose of the encoder.
Model tied_autoencoder(std::int64_t width, Dim rows);
/// One encoder for both sides of a pair.
Model siamese(std::int64_t width, Dim rows);
/// Unrolled, with `width` columns of gates, and gradients clipped by their global norm.
Model clipped_lstm(std::int64_t width, Dim rows);
/// The gradients of two batches in one step.
Model two_micro_batches(std::int64_t width, Dim rows);
/// Draws its noise inside the step.
Model vae(std::int64_t width, Dim rows);
/// One trunk with a classification head and a regression head.
Model two_heads(std::int64_t width, Dim rows);
/// A second-order differential equation as the loss.
Model physics_informed(std::int64_t width, Dim rows);
/// Prices and their derivatives with respect to the inputs, in f64.
Model option_pricing(std::int64_t width, Dim rows);

}  // namespace sluice::models
