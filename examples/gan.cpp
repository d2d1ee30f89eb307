// A generative adversarial network that learns to draw digits: Goodfellow et al. (2014),
// https://arxiv.org/abs/1406.2661. The generator draws, the discriminator tells drawings from images, and each learns
// from the other.
#include <fmt/format.h>
#include <sluice/mnist.h>
#include <sluice/sluice.h>

#include <cstdio>
#include <cstdlib>

#include "example_main.h"
#include "mnist_samples.h"

using namespace sluice;

namespace {

constexpr std::int64_t kLatent = 64;  ///< random numbers from which a digit is drawn

/// Scales pixels from 0 to 1 to the range of tanh, and back.
Tensor to_drawing(const Tensor& pixels) { return 2 * pixels - 1; }
Tensor to_pixels(const Tensor& drawing) { return (drawing + 1) / 2; }

/// Returns the mean loss of a discriminator that should find all of these real, or none.
Tensor loss_if(bool real, const Tensor& logits) {
  return reduce_mean(sigmoid_cross_entropy(logits, real ? ones_like(logits) : zeros_like(logits)));
}

int train(const SamplesOptions& options) {
  set_seed(options.seed);
  const MLP generator(Dense(256, leaky_relu), Dense(512, leaky_relu), Dense(784, tanh));
  const MLP discriminator(Dense(512, leaky_relu), Dropout(0.3), Dense(256, leaky_relu), Dropout(0.3), Dense(1));
  generator.set_name("generator");  // in the names of the variables, which --dump-ir prints
  discriminator.set_name("discriminator");
  const Adam generator_adam({.learning_rate = 1e-3, .beta_1 = 0.5});
  const Adam discriminator_adam({.learning_rate = 1e-3, .beta_1 = 0.5});

  // Each step changes one of the two: minimize() differentiates with respect to the variables that it is given.
  const auto draw = [&] { return generator(random_normal({options.batch, kLatent})); };
  const auto discriminator_step =
      function("discriminator_step", {u8(batch, 28, 28).named("images")}, [&](Tensor images) {
        const Tensor loss = loss_if(true, discriminator(to_drawing(pixels_as_numbers(images)), Mode::kTrain)) +
                            loss_if(false, discriminator(draw(), Mode::kTrain));
        discriminator_adam.minimize(loss, discriminator);
        return loss;
      });
  const auto generator_step = function("generator_step", {}, [&] {
    const Tensor loss = loss_if(true, discriminator(draw(), Mode::kTrain));
    generator_adam.minimize(loss, generator);
    return loss;
  });
  discriminator_step.compile();
  generator_step.compile();
  if (options.dump_only) return EXIT_SUCCESS;
  check_can_write(options);

  const Mnist mnist = load_mnist(options.data);
  const InterruptGuard guard;  // Ctrl-C, SIGTERM and SIGHUP end training between two steps
  for (int epoch = 0; epoch < options.epochs; ++epoch) {
    const std::uint64_t order = (std::uint64_t{options.seed} << 32) + static_cast<std::uint64_t>(epoch);
    Batches batches = mnist.train.shuffled(order).batches(options.batch);
    Mean discriminator_loss;
    Mean generator_loss;
    {
      Progress progress(fmt::format("Epoch {}", epoch), batches.size(),
                        options.quiet ? Progress::Show::kNever : Progress::Show::kOnTerminal);
      for (const Batch& b : batches) {
        discriminator_loss.add(discriminator_step(b.input()));
        generator_loss.add(generator_step());
        progress.step();
        if (InterruptGuard::happened()) break;
      }
    }
    if (InterruptGuard::happened()) return end_by_signal("gan", "what was learned is lost");
    if (options.quiet) continue;
    fmt::print("Epoch: {}\n", epoch);
    fmt::print("Discriminator loss: {:.3f}, Generator loss: {:.3f}\n", discriminator_loss.result(),
               generator_loss.result());
    std::fflush(stdout);
  }

  // Samples that look like digits have about their brightness, and a generator that has learned to draw more than one
  // digit has about their variance: that of each pixel over the images.
  const auto pixels = [&](const Tensor& z) { return to_pixels(generator(z)); };
  const auto moments = [](const Tensor& x) { return outputs(reduce_mean(x), reduce_mean(reduce_variance(x, 0))); };
  const auto of_samples = function("samples", {f32(batch, kLatent)}, [&](Tensor z) { return moments(pixels(z)); });
  const auto of_images =
      function("images", {u8(batch, 28, 28)}, [&](Tensor images) { return moments(pixels_as_numbers(images)); });
  const auto [mean, variance] = of_samples(initial_normal({1000, kLatent}, 0, 1));
  const auto [true_mean, true_variance] = of_images(mnist.test.input());
  fmt::print("Pixels of samples: mean {:.3f}, variance {:.3f}\n", mean.item<float>(), variance.item<float>());
  fmt::print("Pixels of test images: mean {:.3f}, variance {:.3f}\n", true_mean.item<float>(),
             true_variance.item<float>());
  write_samples(options, kLatent, pixels);
  if (options.hash) fmt::print("Weights hash: {:016x}\n", hash_of({generator, discriminator}));
  return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char** argv) {
  return example_main("gan", [&] {
    return train(parse_samples_options(argc, argv, "gan",
                                       "Trains a generative adversarial network, which learns to draw digits."));
  });
}
