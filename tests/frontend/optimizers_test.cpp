// Optimizers compared with their formulas in double; gradients and clipping.
#include <doctest/doctest.h>

#include <cmath>

#include "sluice/frontend.h"
#include "tests/frontend/engine.h"
#include "tests/frontend/written.h"

using namespace sluice;

namespace {

using F = std::vector<float>;

/// A user's optimizer: moves by the sign of the gradient and counts its steps.
class SignDescent : public Optimizer {
 public:
  explicit SignDescent(double learning_rate)
      : Optimizer("sign_descent", learning_rate),
        steps_(register_variable(Variable("steps", Array::scalar(std::int64_t{0}), {.trainable = false}))) {}

  void update(const std::vector<Tensor>& gradients, const std::vector<Variable>& variables) const override {
    steps_.assign_add(1);
    for (std::size_t i = 0; i < variables.size(); ++i) variables[i].assign_sub(learning_rate() * sign(gradients[i]));
  }

  const Variable& steps() const { return steps_; }

 private:
  Variable steps_;
};

}  // namespace

TEST_CASE("Adam with PyTorch's epsilon is the guide's formula") {
  const Variable w("w", Array(F{1, -2, 0.5}, {3}));
  Adam adam({.learning_rate = 0.1, .epsilon_place = AdamEpsilon::kPyTorch});
  const auto step = function("step", {f32(3)}, [&](Tensor g) { adam.apply({g}, {w}); });
  double expected[] = {1, -2, 0.5};
  double m[3] = {};
  double v[3] = {};
  for (int t = 1; t <= 20; ++t) {
    const double rate = t <= 10 ? 0.1 : 0.02;
    if (t == 11) adam.learning_rate().assign(0.02);
    const F g{0.3F * static_cast<float>(t), -1.F / static_cast<float>(t), 1e-6F};
    step(g);
    for (std::size_t i = 0; i < 3; ++i) {
      m[i] = 0.9 * m[i] + 0.1 * g[i];
      v[i] = 0.999 * v[i] + 0.001 * g[i] * g[i];
      const double m_hat = m[i] / (1 - std::pow(0.9, t));
      const double v_hat = v[i] / (1 - std::pow(0.999, t));
      expected[i] -= rate * m_hat / (std::sqrt(v_hat) + 1e-7);
    }
  }
  for (std::size_t i = 0; i < 3; ++i) CHECK(w.value().data<float>()[i] == doctest::Approx(expected[i]).epsilon(1e-5));
  CHECK(step.traces() == 1);
}

TEST_CASE("gradient descent, with and without momentum") {
  const Variable plain("plain", Array::scalar(1.F));
  const Variable heavy("heavy", Array::scalar(1.F));
  SGD sgd({.learning_rate = 0.25});
  SGD with_momentum({.learning_rate = 0.25, .momentum = 0.5});
  const auto step = function("step", [&](Tensor g) {
    sgd.apply({g}, {plain});
    with_momentum.apply({g}, {heavy});
  });
  for (int i = 0; i < 3; ++i) step(1.F);
  CHECK(plain.value().item<float>() == 0.25F);
  CHECK(heavy.value().item<float>() == 1 - 0.25F - 0.375F - 0.4375F);
  CHECK(sgd.variables().size() == 1);
  CHECK(with_momentum.variables().size() == 2);
  CHECK(with_momentum.trainable_variables().empty());
}

TEST_CASE("a user-written optimizer") {
  const Variable w("w", Array(F{1, -1, 0}, {3}));
  SignDescent descent(0.5);
  const auto step = function("step", {}, [&] { descent.apply(gradients(l2_loss(w), {w}), {w}); });
  step();
  CHECK(w.value() == Array(F{0.5, -0.5, 0}, {3}));
  step();
  CHECK(w.value() == Array(F{0, 0, 0}, {3}));
  CHECK(descent.steps().value().item<int>() == 2);
}

TEST_CASE("gradients with respect to tensors and variables, along all paths, and of gradients") {
  const Variable w("w", Array::scalar(3.F));
  const auto f = function("f", [&](Tensor x) {
    const Tensor y = x * x * w + w;
    const std::vector<Tensor> first = gradients(y, {x, w, x});
    const std::vector<Tensor> second = gradients(first[0], {x});
    return outputs(first[0], first[1], first[2], second[0], gradients(stop_gradient(y), {x})[0]);
  });
  const auto [by_x, by_w, by_x_again, by_x_twice, stopped] = f(5.F);
  CHECK(by_x.item<float>() == 30);
  CHECK(by_w.item<float>() == 26);
  CHECK(by_x_again.item<float>() == 30);
  CHECK(by_x_twice.item<float>() == 6);
  CHECK(stopped.item<float>() == 0);
}

TEST_CASE("a warning lists, once, derivatives that are zero because nothing depends on the variable") {
  const Variable used("used", Array::scalar(3.F));
  const Variable unused("unused", Array::scalar(3.F));
  const auto make = [&](bool counted) {
    return function("f", {f32(batch)}, [&, counted](Tensor x) {
      const Tensor loss = reduce_mean(square(x * used));
      const Tensor accuracy = reduce_mean(cast(x * used > 1, f32));
      // The accuracy depends on `used` only through its sign: no derivative passes through a comparison.
      return outputs(gradients(counted ? accuracy : loss, std::vector{used, unused})[0],
                     gradients(gradients(loss, {used})[0], {used})[0]);
    });
  };
  const std::string of_loss = written(stderr, [&] { make(false).compile(); });
  CHECK(of_loss.starts_with("sluice: warning: "));
  CHECK(of_loss.find("optimizers_test.cpp:") != std::string::npos);
  CHECK(of_loss.ends_with(
      ": gradient: y does not depend on \"unused\" along a path that derivatives pass, so its derivative is zero\n"));
  const std::string of_accuracy = written(stderr, [&] { make(true).compile(); });
  CHECK(of_accuracy.ends_with(
      ": gradient: y does not depend on \"used\", \"unused\" along a path that derivatives pass, so their "
      "derivatives are zero\n"));
  CHECK(written(stderr, [&] { make(true).compile(); }).empty());
}

TEST_CASE("a derivative uses the variable's value at that point") {
  const Variable w("w", Array::scalar(2.F));
  const auto two_steps = function("two_steps", {}, [&] {
    for (int i = 0; i < 2; ++i) w.assign_sub(gradients(square(w), {w})[0] * 0.25);
  });
  two_steps();
  CHECK(w.value().item<float>() == 0.5F);
}

TEST_CASE("clipping by the global norm") {
  const auto clip = function("clip", [](Tensor a, Tensor b) {
    const ClippedGradients clipped = clip_by_global_norm({a, b}, 5);
    return outputs(clipped.gradients[0], clipped.gradients[1], clipped.global_norm);
  });
  const auto [a, b, norm] = clip(F{6, 0}, 8.F);
  CHECK(norm.item<float>() == 10);
  CHECK(a == Array(F{3, 0}, {2}));
  CHECK(b.item<float>() == 4);
  const auto [same, also_same, small] = clip(F{0, 3}, 0.F);
  CHECK(small.item<float>() == 3);
  CHECK(same == Array(F{0, 3}, {2}));
}
