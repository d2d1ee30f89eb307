// Fits a parabola to noisy points by gradient descent: the steps of TensorFlow's guide "Quickstart for the TensorFlow
// Core APIs" (https://www.tensorflow.org/guide/core/quickstart_core), on generated data.
#include <fmt/format.h>
#include <sluice/dataset.h>
#include <sluice/sluice.h>

#include <vector>

#include "guide_options.h"
#include "terminal_plot.h"

using namespace sluice;

namespace {

constexpr std::int64_t kPoints = 300;
constexpr std::int64_t kTestPoints = 100;
constexpr double kNoise = 0.5;

/// Returns points x in [-2, 2) of y = x^2 + 2x - 5 with normally distributed noise.
Dataset make_data() {
  const auto draw = function("data", [] {
    const Tensor x = random_uniform({kPoints}, -2, 2);
    return outputs(x, square(x) + 2 * x - 5 + random_normal({kPoints}, 0, kNoise));
  });
  const auto [x, y] = draw();
  return {x, y};
}

/// w_q x^2 + w_l x + b, with three numbers to be found. C++ has no reflection, so a user's model declares its
/// variables.
class Parabola : public Module {
 public:
  Tensor operator()(const Tensor& x) const { return w_q_ * square(x) + w_l_ * x + b_; }

  std::string formula() const {
    return fmt::format("{:.3f} x^2 {:+.3f} x {:+.3f}", w_q_.value().item<float>(), w_l_.value().item<float>(),
                       b_.value().item<float>());
  }

 private:
  Variable w_q_ = register_variable({"w_q", Array::scalar(0.F)});
  Variable w_l_ = register_variable({"w_l", Array::scalar(0.F)});
  Variable b_ = register_variable({"b", Array::scalar(0.F)});
};

void fit_parabola(const GuideOptions& options) {
  if (options.save) check_can_save(*options.save);  // rather now than after the training run
  set_seed(options.seed);
  const Dataset data = make_data();
  const Dataset test = data.slice(0, kTestPoints);
  const Dataset training = data.slice(kTestPoints, kPoints);

  const Parabola model;
  SGD sgd({.learning_rate = 0.01});
  const auto train_step = function("train_step", {f32(batch), f32(batch)}, [&](Tensor x, Tensor y) {
    const Tensor loss = mean_squared_error(model(x), y);
    sgd.minimize(loss, model);
    return loss;
  });
  const auto evaluate = function("evaluate", {f32(batch), f32(batch)},
                                 [&](Tensor x, Tensor y) { return mean_squared_error(model(x), y); });
  const auto predict = function("predict", {f32(batch).named("x")}, [&](Tensor x) { return model(x); });

  const Array x = linspace(-2, 2, 201);
  const std::vector<double> before = numbers(predict(x));

  constexpr int kEpochs = 100;
  report::Series training_losses{"training loss", {}};
  report::Series test_losses{"test loss", {}};
  for (int epoch = 0; epoch < kEpochs; ++epoch) {
    const std::uint64_t order = (std::uint64_t{options.seed} << 32) + static_cast<std::uint64_t>(epoch);
    Mean loss;
    for (const Batch& points : training.shuffled(order).batches(32)) {
      loss.add(train_step(points.input(), points.target()), points.target().element_count());
    }
    training_losses.values.push_back(loss.result());
    test_losses.values.push_back(evaluate(test.input(), test.target()).item<double>());
    if (epoch % 10 == 0) fmt::print("Mean squared error for step {}: {:.3f}\n", epoch, loss.result());
  }
  fmt::print("\nFinal training loss: {:.3f}\n", training_losses.values.back());
  fmt::print("Final test loss: {:.3f} (the noise alone: {:.3f})\n", test_losses.values.back(), kNoise * kNoise);
  fmt::print("The points were made with y = x^2 + 2x - 5, learned was y = {}\n\n", model.formula());

  plot("Predictions", {"x", "y", numbers(x), {{"before training", before}, {"after training", numbers(predict(x))}}});
  plot_course("Mean squared error", "epoch", "loss", {training_losses, test_losses});
  if (options.save) {
    save(predict, *options.save, {"y"});
    const Array y = load(*options.save).run({test.input()})[0];
    const auto loss = function([](Tensor prediction, Tensor target) { return mean_squared_error(prediction, target); });
    fmt::print("Test loss of the saved model: {:.3f}\n", loss(y, test.target()).item<float>());
  }
  if (options.hash) fmt::print("Weights hash: {:016x}\n", hash_of(model.variables()));
}

}  // namespace

int main(int argc, char** argv) {
  return guide_main(argc, argv,
                    {.name = "polynomial_regression",
                     .description = "Fits a parabola to noisy points by gradient descent.",
                     .saves = true},
                    fit_parabola);
}
