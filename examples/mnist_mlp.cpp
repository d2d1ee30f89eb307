// A multilayer perceptron that learns to read handwritten digits: TensorFlow's guide "Multilayer perceptrons for digit
// recognition with Core APIs" (https://www.tensorflow.org/guide/core/mlp_core), step by step, in Sluice.
#include <fmt/format.h>
#include <sluice/classification_report.h>
#include <sluice/mnist.h>
#include <sluice/sluice.h>

#include <cstdio>
#include <cstdlib>

#include "example_main.h"
#include "mnist_options.h"

using namespace sluice;

namespace {

/// Converts bytes 0 to 255 to rows of numbers from 0 to 1.
Tensor preprocess(const Tensor& images) { return reshape(cast(images, f32), {batch, 784}) / 255; }

Tensor cross_entropy_loss(const Tensor& logits, const Tensor& labels) {
  return reduce_mean(sparse_softmax_cross_entropy(logits, labels));
}

/// Returns the fraction of images whose digit has the largest logit (softmax would not change which).
Tensor accuracy(const Tensor& logits, const Tensor& labels) {
  return reduce_mean(cast(argmax(logits, 1) == cast(labels, i64), f32));
}

/// The means over the batches of an epoch.
struct Metrics {
  Mean loss;
  Mean accuracy;

  void add(const std::array<Array, 2>& of_batch) {
    loss.add(of_batch[0]);
    accuracy.add(of_batch[1]);
  }
};

void train(const MnistOptions& options) {
  set_seed(options.seed);

  // The model: three dense layers, whose weights are created, Xavier-uniform, once their input sizes are known.
  MLP model(Dense(700, relu), Dense(500, relu), Dense(10));
  Adam adam({.learning_rate = 1e-3, .epsilon_place = AdamEpsilon::kPyTorch});  // as in the guide

  // The types of a batch. Any number of images will do: each function is compiled once.
  const TensorSpec images_spec = u8(batch, 28, 28).named("images").range(0, 256);
  const TensorSpec labels_spec = u8(batch).named("labels").range(0, 10);

  // One training step, from bytes to updated weights, and the metrics of its batch.
  const auto train_step = function("train_step", {images_spec, labels_spec}, [&](Tensor images, Tensor labels) {
    const Tensor logits = model(preprocess(images));
    const Tensor loss = cross_entropy_loss(logits, labels);
    adam.minimize(loss, model);
    return outputs(loss, accuracy(logits, labels));
  });

  // The same metrics without learning.
  const auto evaluate = function("evaluate", {images_spec, labels_spec}, [&](Tensor images, Tensor labels) {
    const Tensor logits = model(preprocess(images));
    const Tensor loss = cross_entropy_loss(logits, labels);
    return outputs(loss, accuracy(logits, labels));
  });

  train_step.compile();
  evaluate.compile();
  if (options.dump_only) return;
  if (options.save) check_can_save(*options.save);  // rather now than after the training run

  // The data, in the guide's split: 50,000 images for training, 10,000 for validation, 10,000 for testing.
  const Mnist mnist = load_mnist(options.data);

  for (int epoch = 0; epoch < options.epochs; ++epoch) {
    const std::uint64_t order = (std::uint64_t{options.seed} << 32) + static_cast<std::uint64_t>(epoch);
    Batches batches = mnist.train.shuffled(order).batches(options.batch);
    Metrics training;
    {
      Progress progress(fmt::format("Epoch {}", epoch), batches.size(),
                        options.quiet ? Progress::Show::kNever : Progress::Show::kOnTerminal);
      for (const Batch& b : batches) {
        training.add(train_step(b.input(), b.target()));
        progress.step();
      }
    }
    Metrics validation;
    for (const Batch& b : mnist.validation.batches(options.batch)) validation.add(evaluate(b.input(), b.target()));
    if (options.quiet) continue;
    fmt::print("Epoch: {}\n", epoch);
    fmt::print("Training loss: {:.3f}, Training accuracy: {:.3f}\n", training.loss.result(),
               training.accuracy.result());
    fmt::print("Validation loss: {:.3f}, Validation accuracy: {:.3f}\n", validation.loss.result(),
               validation.accuracy.result());
    std::fflush(stdout);
  }

  // The same compiled function serves batches of any size.
  Metrics test;
  for (const Batch& b : mnist.test.batches(1000)) test.add(evaluate(b.input(), b.target()));
  fmt::print("Test accuracy: {:.3f}\n", test.accuracy.result());

  // The model for use elsewhere: raw images in, digits out. Loading it needs nothing from this program.
  if (options.save) {
    save(ExportModule(u8(batch, 28, 28, 1), [&](Tensor images) { return model(preprocess(images)); }), *options.save);
    const Predictions predictions = load(*options.save).predict(mnist.test.input());
    const ClassificationReport report = classification_report(mnist.test.target(), predictions.probabilities);
    fmt::print("Test accuracy of the saved model: {:.3f}\n", report.accuracy());
  }
  if (options.hash) fmt::print("Weights hash: {:016x}\n", hash_of(model.variables()));
}

}  // namespace

int main(int argc, char** argv) {
  return example_main("mnist_mlp", [&] { train(parse_mnist_options(argc, argv)); });
}
