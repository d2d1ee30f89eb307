// Solves a differential equation with a perceptron, a physics-informed neural network: Lagaris et al. (1998), Raissi et
// al. (2019). The perceptron is a function of time, and its derivatives with respect to time are tensors like any
// other, so the equation itself becomes the loss. Training sees no solution.
//
// The equation is that of a damped oscillator, u'' + 2 d u' + w^2 u = 0 for 0 <= t <= 1, which starts at rest:
// u(0) = 1, u'(0) = 0.
#include <fmt/format.h>
#include <sluice/report.h>
#include <sluice/sluice.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "guide_options.h"
#include "terminal_plot.h"

using namespace sluice;

namespace {

constexpr double kDamping = 2;     ///< d
constexpr double kFrequency = 10;  ///< w

/// Returns the solution in closed form.
double exact(double t) {
  const double w = std::sqrt(kFrequency * kFrequency - kDamping * kDamping);
  return std::exp(-kDamping * t) * (std::cos(w * t) + kDamping / w * std::sin(w * t));
}

/// Whatever the perceptron computes, this has u(0) = 1 and u'(0) = 0: tanh(w t)^2 begins like a parabola, then is flat.
Tensor solution(const MLP& model, const Tensor& t) { return 1 + square(tanh(kFrequency * t)) * model(t); }

/// Returns by how much the solution misses the equation at each t.
Tensor residual(const MLP& model, const Tensor& t) {
  const Tensor u = solution(model, t);
  // Each u depends only on its own t, so the gradient of their sum holds the derivative of each.
  const Tensor velocity = gradients(reduce_sum(u), t)[0];
  const Tensor acceleration = gradients(reduce_sum(velocity), t)[0];
  return acceleration + 2 * kDamping * velocity + kFrequency * kFrequency * u;
}

void solve(const GuideOptions& options) {
  if (options.report) report::check_can_write(*options.report);
  set_seed(options.seed);
  const MLP model(Dense(32, tanh), Dense(32, tanh), Dense(1));
  Adam adam({.learning_rate = 2e-3});

  // minimize() differentiates the second derivative once more, with respect to the weights.
  const auto train_step = function("train_step", {f32(batch, 1)}, [&](Tensor t) {
    const Tensor loss = reduce_mean(square(residual(model, t) / (kFrequency * kFrequency)));
    adam.minimize(loss, model);
    return loss;
  });
  const auto evaluate = function("solution", {f32(batch, 1)}, [&](Tensor t) { return solution(model, t); });

  const Array points = linspace(0, 1, 64).reshaped({64, 1});
  constexpr int kSteps = 5000;
  std::vector<double> steps;
  std::vector<double> log_losses;
  for (int step = 0; step <= kSteps; ++step) {
    const double loss = train_step(points).item<double>();
    if (step % 50 == 0) {
      steps.push_back(step);
      log_losses.push_back(std::log10(loss));
    }
    if (step % 1000 == 0) fmt::print("Loss before step {}: {:.3g}\n", step, loss);
  }

  // Most of these points lie between those of the training.
  const Array t = linspace(0, 1, 201);
  const std::vector<double> times = numbers(t);
  const std::vector<double> learned = numbers(evaluate(t.reshaped({201, 1})));
  std::vector<double> expected;
  double largest_error = 0;
  for (std::size_t i = 0; i < times.size(); ++i) {
    expected.push_back(exact(times[i]));
    largest_error = std::max(largest_error, std::abs(learned[i] - expected[i]));
  }
  fmt::print("Largest error: {:.3g}\n\n", largest_error);

  const report::Lines curves{"t", "u", times, {{"exact", expected}, {"learned", learned}}};
  const report::Lines losses{"step", "log10 of the loss", steps, {{"log10 of the loss", log_losses}}};
  plot("Solution", curves);
  plot("Loss", losses);
  if (options.report) {
    report::Page page("A damped oscillator", "solved by a perceptron that has seen only the equation");
    page.add({"Solution", fmt::format("Largest error {:.3g}", largest_error), curves});
    page.add({"Loss", "mean squared residual of the equation, divided by w^2", losses});
    page.write(*options.report);
  }
  if (options.hash) fmt::print("Weights hash: {:016x}\n", hash_of(model));
}

}  // namespace

int main(int argc, char** argv) {
  return guide_main(
      argc, argv,
      {.name = "pinn",
       .description = "Solves the equation of a damped oscillator with a perceptron, by gradients of gradients.",
       .reports = true},
      solve);
}
