// A variational autoencoder that learns to draw digits: Kingma and Welling (2014), https://arxiv.org/abs/1312.6114.
#include <fmt/format.h>
#include <sluice/mnist.h>
#include <sluice/sluice.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "example_main.h"
#include "mnist_samples.h"

using namespace sluice;

namespace {

constexpr std::int64_t kLatent = 20;  ///< numbers that describe a digit

/// The distribution of the numbers z that describe each image: normal and independent.
struct Posterior {
  Tensor mean;
  Tensor log_variance;
};

Posterior encode(const MLP& encoder, const Tensor& pixels) {
  const Tensor code = encoder(pixels);
  return {slice(code, {0, 0}, {-1, kLatent}), slice(code, {0, kLatent}, {-1, kLatent})};
}

/// Draws from the distribution such that the result has derivatives with respect to its parameters.
Tensor reparameterize(const Posterior& q) { return q.mean + exp(q.log_variance / 2) * random_normal({batch, kLatent}); }

/// Returns the Kullback-Leibler divergence of each image's distribution from the standard normal one.
Tensor divergence_from_normal(const Posterior& q) {
  return reduce_sum(exp(q.log_variance) + square(q.mean) - 1 - q.log_variance, 1) / 2;
}

void print_terms(const std::string& set, double loss, double reconstruction, double divergence) {
  fmt::print("{} loss: {:.3f} = reconstruction {:.3f} + KL divergence {:.3f}\n", set, loss, reconstruction, divergence);
  std::fflush(stdout);
}

int train(const SamplesOptions& options) {
  set_seed(options.seed);
  const MLP encoder(Dense(400, relu), Dense(2 * kLatent));
  const MLP decoder(Dense(400, relu), Dense(784));  // to the logits of the pixels' brightness
  encoder.set_name("encoder");                      // in the names of the variables, which --dump-ir prints
  decoder.set_name("decoder");
  const Adam adam({.learning_rate = 1e-3});

  // The loss is the negative evidence lower bound (ELBO), in nats per image.
  const auto objective = [&](Tensor images, Tensor /*labels*/) -> Objective {
    const Tensor pixels = pixels_as_numbers(images);
    const Posterior q = encode(encoder, pixels);
    const Tensor logits = decoder(reparameterize(q));
    const Tensor reconstruction = reduce_mean(reduce_sum(sigmoid_cross_entropy(logits, pixels), 1));
    const Tensor divergence = reduce_mean(divergence_from_normal(q));
    return {.loss = reconstruction + divergence,
            .metrics = {{"reconstruction", reconstruction}, {"divergence", divergence}}};
  };
  Trainer trainer({encoder, decoder}, adam, {u8(batch, 28, 28).named("images"), u8(batch).named("labels")}, objective);
  trainer.compile();
  if (options.dump_only) return EXIT_SUCCESS;
  check_can_write(options);

  FitOptions fit{.epochs = options.epochs, .batch = options.batch, .seed = options.seed, .stop_on_interrupt = true};
  const Mnist mnist = load_mnist(options.data);
  if (!options.quiet) {
    fit.validation = mnist.validation;
    fit.callbacks.push_back(progress_bar());
    fit.callbacks.push_back({.on_epoch = [](const History& history) {
      const EpochRecord& record = history.epochs.back();
      fmt::print("Epoch: {}\n", record.epoch);
      print_terms("Training", record.training[0], record.training[1], record.training[2]);
      print_terms("Validation", record.validation[0], record.validation[1], record.validation[2]);
    }});
  }
  const InterruptGuard guard;  // Ctrl-C, SIGTERM and SIGHUP end training between two steps
  trainer.fit(mnist.train, fit);
  if (InterruptGuard::happened()) return end_by_signal("vae", "what was learned is lost");

  const auto test = trainer.evaluate(mnist.test);
  print_terms("Test", test.at("loss"), test.at("reconstruction"), test.at("divergence"));
  write_samples(options, kLatent, [&](const Tensor& z) { return sigmoid(decoder(z)); });
  if (options.hash) fmt::print("Weights hash: {:016x}\n", hash_of({encoder, decoder}));
  return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char** argv) {
  return example_main("vae", [&] {
    return train(
        parse_samples_options(argc, argv, "vae", "Trains a variational autoencoder, which learns to draw digits."));
  });
}
