// Trains README's model on a few synthetic digits. The lines between the marks are README's, to the letter.
#include <cstdlib>

#include "frontend/sluice.h"
#include "runtime/synthetic_digits.h"

using namespace sluice;

int main() {
  set_seed(1);
  const struct {
    Dataset train;
  } mnist{synthetic_digits(1, 0, 4000)};

  // begin of README's model
  MLP model(Dense(700, relu), Dense(500, relu), Dense(10));  // input sizes are inferred at the first call
  Adam adam({.learning_rate = 1e-3});

  auto train_step = function("train_step", {u8(batch, 28, 28), u8(batch)}, [&](Tensor images, Tensor labels) {
    Tensor logits = model(reshape(cast(images, f32), {batch, 784}) / 255);
    Tensor loss = reduce_mean(sparse_softmax_cross_entropy(logits, labels));
    adam.apply(gradients(loss, model.trainable_variables()), model.trainable_variables());
    return loss;
  });

  for (const Batch& b : mnist.train.shuffled(1).batches(128)) {
    fmt::print("loss: {:.3f}\n", train_step(b.images, b.labels).item<float>());
  }
  // end of README's model

  const Dataset first = mnist.train.slice(0, 1000);
  const float loss = train_step(first.images, first.labels).item<float>();
  const bool learned = loss < 1;  // ln 10, about 2.3, is what guessing gives
  fmt::print("the loss is {:.3f} after an epoch, expected less than 1\n", loss);
  return learned ? EXIT_SUCCESS : EXIT_FAILURE;
}
