// The perceptron of mnist_mlp.cpp without its loop: a Trainer runs it, with everything a training run needs.
#include <sluice/sluice.h>

#include "example_main.h"
#include "mnist_training.h"

using namespace sluice;

namespace {

int train(const MnistTrainerOptions& options) {
  set_seed(options.seed);
  MLP model(Dense(700, relu), Dense(500, relu), Dense(10));
  Adam adam({.learning_rate = options.learning_rate, .epsilon_place = AdamEpsilon::kPyTorch});  // as in the guide

  const std::vector<TensorSpec> images_and_labels{u8(batch, 28, 28).named("images").range(0, 256),
                                                  u8(batch).named("labels").range(0, 10)};
  const auto classify = [&](const Tensor& images) { return model(reshape(cast(images, f32), {batch, 784}) / 255); };
  const auto objective = [&](Tensor images, Tensor labels) -> Objective {
    const Tensor logits = classify(images);
    return {.loss = reduce_mean(sparse_softmax_cross_entropy(logits, labels)),
            .metrics = {{"accuracy", reduce_mean(cast(argmax(logits, 1) == cast(labels, i64), f32))}}};
  };
  Trainer trainer(model, adam, images_and_labels, objective,
                  {.clip_norm = options.clip_norm, .check_numerics = options.check_numerics});
  return run_training({.program = "mnist_trainer",
                       .settings = "784-700-500-10 · Adam",
                       .trainer = trainer,
                       .variables = model,
                       .classify = classify},
                      options);
}

}  // namespace

int main(int argc, char** argv) {
  return example_main("mnist_trainer",
                      [&] { return train(parse_mnist_trainer_options(argc, argv, "mnist_trainer", kMlpDescription)); });
}
