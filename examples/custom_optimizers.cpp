// User-written optimizers, compared on a function that is hard to minimize: TensorFlow's guide "Optimizers with Core
// APIs" (https://www.tensorflow.org/guide/core/optimizers_core) in Sluice.
#include <fmt/format.h>
#include <sluice/sluice.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "example_main.h"
#include "terminal_plot.h"

using namespace sluice;

// Written with what every program has: variables, ops, and slots, which are variables associated with the ones being
// updated.
namespace custom {

/// x -= rate * gradient.
class GradientDescent : public Optimizer {
 public:
  explicit GradientDescent(double rate) : Optimizer("gradient_descent", rate) {}

  void update(const std::vector<Tensor>& gradients, const std::vector<Variable>& variables) const override {
    for (std::size_t i = 0; i < variables.size(); ++i) variables[i].assign_sub(learning_rate() * gradients[i]);
  }
};

/// The same, plus a fraction of the previous change.
class Momentum : public Optimizer {
 public:
  explicit Momentum(double rate, double momentum = 0.7) : Optimizer("momentum", rate), momentum_(momentum) {}

  void update(const std::vector<Tensor>& gradients, const std::vector<Variable>& variables) const override {
    for (std::size_t i = 0; i < variables.size(); ++i) {
      const Variable change = slot(variables[i], "change");
      change.assign(learning_rate() * gradients[i] + momentum_ * change);
      variables[i].assign_sub(change);
    }
  }

 private:
  double momentum_;
};

/// Adaptive moment estimation of Kingma and Ba (2015), algorithm 1. The ranges tell tools that generate values, such as
/// SLUICE_FLAGS=--check-passes, that neither is below 0.
class Adam : public Optimizer {
 public:
  explicit Adam(double rate) : Optimizer("custom_adam", rate) {}

  void update(const std::vector<Tensor>& gradients, const std::vector<Variable>& variables) const override {
    constexpr double kBeta1 = 0.9;
    constexpr double kBeta2 = 0.999;
    constexpr double kEpsilon = 1e-7;
    const Variable steps =
        lazy_variable("steps", [] { return Array::scalar(0.F); }, {.trainable = false, .range = ir::Range{0, 1000}});
    steps.assign_add(1);
    for (std::size_t i = 0; i < variables.size(); ++i) {
      const Variable m = slot(variables[i], "m");
      const Variable v = slot(variables[i], "v", ir::Range{0, 1});
      m.assign(kBeta1 * m + (1 - kBeta1) * gradients[i]);
      v.assign(kBeta2 * v + (1 - kBeta2) * square(gradients[i]));
      const Tensor unbiased_m = m / (1 - pow(kBeta1, steps));
      const Tensor unbiased_v = v / (1 - pow(kBeta2, steps));
      variables[i].assign_sub(learning_rate() * unbiased_m / (sqrt(unbiased_v) + kEpsilon));
    }
  }
};

}  // namespace custom

namespace {

constexpr std::size_t kMaxSteps = 2000;

/// 2 x^4 + 3 x^3 + 2: flat at its saddle point 0, minimal at -9/8.
Tensor loss_of(const Tensor& x) { return 2 * pow(x, 4) + 3 * pow(x, 3) + 2; }

/// Descends from x = 2 until x no longer changes, and prints the result. Returns all x as a curve of 2000 points called
/// `name`, unless they overflowed.
template <typename AnyOptimizer>
std::optional<report::Series> test_convergence(const std::string& name, AnyOptimizer optimizer) {
  const Variable x("x", Array::scalar(2.F));
  const auto step = function("step", [&] {
    optimizer.minimize(loss_of(x), {x});
    return Tensor(x);
  });

  fmt::print("{}\n", name);
  report::Series path{name, std::vector(kMaxSteps, std::numeric_limits<double>::quiet_NaN())};
  float last = 2;
  for (std::size_t i = 0; i < kMaxSteps; ++i) {
    const auto now = step().template item<float>();
    if (!std::isfinite(now)) {
      fmt::print("  Exploded at iteration {}\n", i + 1);
      return {};
    }
    path.values[i] = now;
    if (now == last) {
      fmt::print("  Converged in {} iterations: x = {}\n", i + 1, now);
      return path;
    }
    last = now;
  }
  fmt::print("  Exceeded the maximum of {} iterations: x = {}\n", kMaxSteps, last);
  return path;
}

template <typename AnyOptimizer>
void compare_rates(const std::string& title) {
  fmt::print("{}\n", title);
  std::vector<report::Series> paths;
  for (const double rate : {1e-3, 1e-2, 1e-1}) {
    auto path = test_convergence(fmt::format("learning rate {}", rate), AnyOptimizer(rate));
    if (path) paths.push_back(std::move(*path));
  }
  plot_course("\nPaths of x", "iteration", "x", paths);
}

void compare_optimizers() {
  fmt::print("The loss 2 x^4 + 3 x^3 + 2 is least at x = -1.125\n\n");
  const auto loss_and_slope = function("loss_and_slope", [](Tensor x) {
    const Tensor loss = loss_of(x);
    return outputs(loss, gradients(reduce_sum(loss), {x})[0]);
  });
  const Array x = linspace(-1.3, 0.6, 191);
  const auto [loss, slope] = loss_and_slope(x);
  plot("Loss and its derivative", {"x", "", numbers(x), {{"loss", numbers(loss)}, {"derivative", numbers(slope)}}});

  compare_rates<custom::GradientDescent>("Gradient descent");
  compare_rates<custom::Momentum>("Momentum");
  compare_rates<custom::Adam>("Adam");
  fmt::print("Adam as Sluice has it\n");
  test_convergence("learning rate 0.1", Adam({.learning_rate = 0.1}));
}

}  // namespace

int main(int argc, char**) {
  if (argc > 1) {
    print_to_stderr("usage: custom_optimizers\n");
    return EXIT_FAILURE;
  }
  return example_main("custom_optimizers", compare_optimizers);
}
