// The update rules of optimizers against their formulas in double, and where frameworks differ: the place of epsilon,
// decoupled decay, initial accumulators; clipping.
#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <string>

#include "sluice/frontend.h"
#include "tests/frontend/engine.h"
#include "tests/frontend/floats.h"
#include "tests/frontend/misuse.h"

using namespace sluice;
using test::floats;

namespace {

using F = std::vector<float>;

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr int kSteps = 12;

/// The state of one element: its value "w", and whatever its rule keeps, initially 0.
using State = std::map<std::string, double>;
/// Moves an element by its gradient in step t, which counts from 1.
using Rule = std::function<void(State& s, double g, int t)>;

float gradient_at(std::size_t element, int step) {
  return 0.5F * std::sin(1.3F * static_cast<float>(element) + 0.9F * static_cast<float>(step));
}

/// Returns the values of a scalar variable, initially 1, after steps with these gradients.
template <typename Method>
F path(const Method& optimizer, const F& gradients) {
  const Variable w("w", Array::scalar(1.F));
  const auto step = function("step", [&](Tensor g) { optimizer.apply({g}, w); });
  F values;
  for (const float g : gradients) {
    step(g);
    values.push_back(w.value().item<float>());
  }
  return values;
}

/// Compares several steps on a vector that fits no register, and on a scalar f64, with `rule`.
template <typename Method>
void check_rule(const Method& optimizer, const Rule& rule, const State& initial = {}) {
  constexpr std::size_t kElements = 5;
  const Variable w("w", Array(F{1, -2, 0.5, 3, 0}));
  const Variable scalar("scalar", Array::scalar(2.0));
  const auto step = function("step", {f32(5), f64()}, [&](Tensor g, Tensor h) {
    optimizer.apply({g, h}, {w, scalar});
  });
  std::vector<State> states(kElements + 1, initial);
  for (std::size_t i = 0; i < kElements; ++i) states[i]["w"] = w.value()(i);
  states[kElements]["w"] = 2;
  for (int t = 1; t <= kSteps; ++t) {
    F g(kElements);
    for (std::size_t i = 0; i < kElements; ++i) g[i] = gradient_at(i, t);
    const double of_scalar = gradient_at(kElements, t);
    step(g, of_scalar);
    for (std::size_t i = 0; i < kElements; ++i) rule(states[i], g[i], t);
    rule(states[kElements], of_scalar, t);
  }
  for (std::size_t i = 0; i < kElements; ++i) {
    CAPTURE(i);
    CHECK(w.value()(i) == doctest::Approx(states[i]["w"]).epsilon(1e-5));
  }
  CHECK(scalar.value()() == doctest::Approx(states[kElements]["w"]).epsilon(1e-7));
  CHECK(step.traces() == 1);
}

void mean(State& s, const std::string& name, double value, double decay) {
  s[name] = decay * s[name] + (1 - decay) * value;
}

void check_path(const F& got, const std::vector<double>& expected) {
  REQUIRE(got.size() == expected.size());
  for (std::size_t i = 0; i < got.size(); ++i) CHECK(std::round(got[i] * 1e6) / 1e6 == doctest::Approx(expected[i]));
}

}  // namespace

TEST_CASE("gradient descent with momentum of both kinds, and with decay") {
  check_rule(SGD({.learning_rate = 0.1, .momentum = 0.9, .nesterov = true}), [](State& s, double g, int) {
    s["v"] = 0.9 * s["v"] - 0.1 * g;
    s["w"] += 0.9 * s["v"] - 0.1 * g;
  });
  check_rule(SGD({.learning_rate = 0.1, .nesterov = true}), [](State& s, double g, int) { s["w"] -= 0.1 * g; });
  check_rule(SGD({.learning_rate = 0.1, .momentum = 0.9, .weight_decay = 0.2}), [](State& s, double g, int) {
    s["w"] -= 0.1 * 0.2 * s["w"];
    s["v"] = 0.9 * s["v"] - 0.1 * g;
    s["w"] += s["v"];
  });
}

TEST_CASE("Adam and its variants") {
  const auto moments = [](State& s, double g) {
    mean(s, "m", g, 0.9);
    mean(s, "v", g * g, 0.999);
  };
  check_rule(AdamW({.learning_rate = 0.05, .weight_decay = 0.1}), [=](State& s, double g, int t) {
    s["w"] *= 1 - 0.05 * 0.1;
    moments(s, g);
    const double rate = 0.05 * std::sqrt(1 - std::pow(0.999, t)) / (1 - std::pow(0.9, t));
    s["w"] -= rate * s["m"] / (std::sqrt(s["v"]) + 1e-7);
  });
  check_rule(Adam({.learning_rate = 0.05, .beta_2 = 0.5, .amsgrad = true}), [](State& s, double g, int t) {
    mean(s, "m", g, 0.9);
    mean(s, "v", g * g, 0.5);
    s["most"] = std::max(s["most"], s["v"]);
    const double rate = 0.05 * std::sqrt(1 - std::pow(0.5, t)) / (1 - std::pow(0.9, t));
    s["w"] -= rate * s["m"] / (std::sqrt(s["most"]) + 1e-7);
  });
  check_rule(Nadam({.learning_rate = 0.05}),
             [=](State& s, double g, int t) {
               moments(s, g);
               const double now = 0.9 * (1 - 0.5 * std::pow(0.96, t));
               const double next = 0.9 * (1 - 0.5 * std::pow(0.96, t + 1));
               s["product"] *= now;
               const double m = next * s["m"] / (1 - s["product"] * next) + (1 - now) * g / (1 - s["product"]);
               s["w"] -= 0.05 * m / (std::sqrt(s["v"] / (1 - std::pow(0.999, t))) + 1e-7);
             },
             {{"product", 1}});
  check_rule(Adamax({.learning_rate = 0.05}), [](State& s, double g, int t) {
    mean(s, "m", g, 0.9);
    s["u"] = std::max(0.999 * s["u"], std::abs(g));
    s["w"] -= 0.05 / (1 - std::pow(0.9, t)) * s["m"] / (s["u"] + 1e-7);
  });
  check_rule(Lion({.learning_rate = 0.05}), [](State& s, double g, int) {
    const double direction = 0.9 * s["m"] + 0.1 * g;
    s["w"] -= 0.05 * ((direction > 0) - (direction < 0));
    mean(s, "m", g, 0.99);
  });
}

TEST_CASE("optimizers with a rate for each element") {
  check_rule(RMSprop({.learning_rate = 0.05}), [](State& s, double g, int) {
    mean(s, "v", g * g, 0.9);
    s["w"] -= 0.05 * g / std::sqrt(s["v"] + 1e-7);
  });
  check_rule(RMSprop({.learning_rate = 0.05, .rho = 0.8, .momentum = 0.5, .epsilon = 1e-3, .centered = true}),
             [](State& s, double g, int) {
               mean(s, "v", g * g, 0.8);
               mean(s, "mean", g, 0.8);
               s["m"] = 0.5 * s["m"] + 0.05 * g / std::sqrt(s["v"] - s["mean"] * s["mean"] + 1e-3);
               s["w"] -= s["m"];
             });
  check_rule(Adagrad({.learning_rate = 0.05}),
             [](State& s, double g, int) {
               s["sum"] += g * g;
               s["w"] -= 0.05 * g / std::sqrt(s["sum"] + 1e-7);
             },
             {{"sum", 0.1}});
  check_rule(Adadelta({.learning_rate = 1}), [](State& s, double g, int) {
    mean(s, "v", g * g, 0.95);
    const double step = std::sqrt(s["d"] + 1e-7) / std::sqrt(s["v"] + 1e-7) * g;
    mean(s, "d", step * step, 0.95);
    s["w"] -= step;
  });
  const auto ftrl = [](double power, double l1, double l2, double shrinkage, double beta) {
    return [=](State& s, double g, int) {
      const double after = s["sum"] + g * g;
      const double growth = (std::pow(after, power) - std::pow(s["sum"], power)) / 0.05;
      s["linear"] += g + 2 * shrinkage * s["w"] - growth * s["w"];
      const double quadratic = std::pow(after, power) / 0.05 + 2 * (l2 + beta / (2 * 0.05));
      s["w"] = (std::min(std::max(s["linear"], -l1), l1) - s["linear"]) / quadratic;
      s["sum"] = after;
    };
  };
  check_rule(Ftrl({.learning_rate = 0.05}), ftrl(0.5, 0, 0, 0, 0), {{"sum", 0.1}});
  check_rule(Ftrl({.learning_rate = 0.05,
                   .learning_rate_power = -0.4,
                   .initial_accumulator_value = 0.2,
                   .l1 = 0.3,
                   .l2 = 0.2,
                   .l2_shrinkage = 0.1,
                   .beta = 0.1}),
             ftrl(0.4, 0.3, 0.2, 0.1, 0.1), {{"sum", 0.2}});
  CHECK(path(Ftrl({.initial_accumulator_value = 0}), {0, 1})[0] == 0);
}

TEST_CASE("epsilon, decay and first values as in Keras, not as in PyTorch") {
  check_path(path(Adam({.learning_rate = 0.1}), {1e-8F}), {0.999685});
  check_path(path(Adam({.learning_rate = 0.1, .epsilon_place = AdamEpsilon::kPyTorch}), {1e-8F}), {0.990909});
  check_path(path(RMSprop({.learning_rate = 0.1, .epsilon = 1e-3}), {1e-3F}), {0.996838});
  check_path(path(Adagrad({.learning_rate = 0.1}), {1, 1}), {0.904654, 0.835647});
  check_path(path(Adagrad({.learning_rate = 0.1, .initial_accumulator_value = 0}), {1, 1}), {0.9, 0.829289});
  check_path(path(AdamW({.learning_rate = 0.1, .weight_decay = 0.1}), {0, 0}), {0.99, 0.9801});
  check_path(path(Lion({.learning_rate = 0.1}), {1, -1, 0}), {0.9, 1, 1.1});
  CHECK(path(Lion({.learning_rate = 0.1}), {0}) == F{1});
  CHECK(path(Lion({.learning_rate = 0.5, .weight_decay = 0.5}), {0}) == F{0.75});
  CHECK(path(Adam(), {0, 0}) == F{1, 1});
}

TEST_CASE("gradients of any size leave no NaN") {
  const auto check = [](const auto& optimizer) {
    for (const float g : {0.F, 1e-30F, 1e30F, -3e38F}) {
      CAPTURE(optimizer.kind());
      CAPTURE(g);
      for (const float w : path(optimizer, {g, g, 0, -g})) CHECK(std::isfinite(w));
    }
  };
  check(SGD({.momentum = 0.9, .nesterov = true}));
  check(AdamW());
  check(Adam({.amsgrad = true}));
  check(Nadam());
  check(Adamax());
  check(Lion());
  check(RMSprop({.momentum = 0.9, .centered = true}));
  check(RMSprop());
  check(Adagrad());
  check(Adadelta());
  // The mean of equal gradients has no variance, however it is rounded.
  for (const float w : path(RMSprop({.centered = true}), F(40, 1e6F))) CHECK(std::isfinite(w));
}

TEST_CASE("weight decay spares the variables that its predicate leaves out") {
  const Variable w("dense_0/w", Array({{1.F, 1.F}}));
  const Variable b("dense_0/b", Array(F{1, 1}));
  const Variable frozen("frozen", Array({{1.F}}), {.trainable = false});
  const AdamW adam(
      {.learning_rate = 0.1, .weight_decay = {0.1, [](const Variable& v) { return !v.name().ends_with("/b"); }}});
  const auto step = function("step", {}, [&] { adam.apply({zeros_like(w), zeros_like(b)}, {w, b}); });
  step();
  CHECK(w.value()(0, 0) == doctest::Approx(0.99));
  CHECK(b.value()(0) == 1);
  CHECK(frozen.value()(0, 0) == 1);
  adam.learning_rate().assign(0.5);
  step();
  CHECK(w.value()(0, 0) == doctest::Approx(0.99 * 0.95));
}

TEST_CASE("options outside their limits are errors at the user's line") {
  CHECK(thrown([] { AdamW({.weight_decay = -1}); }) == here("adamw: weight_decay must be at least 0, got -1"));
  CHECK(thrown([] { SGD({.weight_decay = NAN}); }) == here("sgd: weight_decay must be at least 0, got nan"));
  CHECK(thrown([] { AdamW({.beta_1 = 1}); }) == here("adamw: beta_1 must be at least 0 and below 1, got 1"));
  CHECK(thrown([] { Nadam({.beta_2 = 1}); }) == here("nadam: beta_2 must be at least 0 and below 1, got 1"));
  CHECK(thrown([] { Adamax({.epsilon = -1}); }) == here("adamax: epsilon must be at least 0, got -1"));
  CHECK(thrown([] { Lion({.learning_rate = 0}); }) == here("lion: expected a positive f32 as learning_rate, got 0"));
  CHECK(thrown([] { RMSprop({.rho = 1}); }) == here("rmsprop: rho must be at least 0 and below 1, got 1"));
  CHECK(thrown([] { Adagrad({.initial_accumulator_value = -1}); }) ==
        here("adagrad: initial_accumulator_value must be at least 0, got -1"));
  CHECK(thrown([] { Adadelta({.rho = -1}); }) == here("adadelta: rho must be at least 0 and below 1, got -1"));
  CHECK(thrown([] { Ftrl({.learning_rate_power = 1}); }) ==
        here("ftrl: -learning_rate_power must be at least 0, got -1"));
}

TEST_CASE("clipping by norms, each as TensorFlow does") {
  const auto globally = function([](Tensor a, Tensor b) {
    const auto [clipped, norm] = clip_by_global_norm({a, b}, 1);
    return outputs(clipped[0], clipped[1], norm);
  });
  const auto [three, four, five] = globally(F{3}, F{4});
  CHECK(three(0) == doctest::Approx(0.6));
  CHECK(four(0) == doctest::Approx(0.8));
  CHECK(five() == 5);
  const auto [zero, also_zero, none] = globally(F{0}, F{0});
  CHECK(zero(0) == 0);
  CHECK(also_zero(0) == 0);
  CHECK(none() == 0);
  const auto [infinite, one, norm] = globally(F{kInf}, F{1});
  CHECK(std::isnan(infinite(0)));
  CHECK(std::isnan(one(0)));
  const auto unchanged = function([](Tensor a, Tensor b) {
    const auto clipped = clip_by_global_norm({a, b}, 5).gradients;
    return outputs(clipped[0], clipped[1]);
  });
  const auto [same, also_same] = unchanged(F{3}, F{4});
  CHECK(same(0) == 3);
  CHECK(also_same(0) == 4);

  const auto clip = function([](Tensor x) { return clip_by_norm(x, 1); });
  CHECK(floats(clip(F{0.3F, 0.4F})) == F{0.3F, 0.4F});
  CHECK(clip(F{3, 4})(0) == doctest::Approx(0.6));
  CHECK(clip(F{3e30F, 4e30F})(1) == doctest::Approx(0.8));
  CHECK(floats(clip(F{0, 0})) == F{0, 0});
  CHECK(std::isnan(clip(F{kInf, 1})(1)));
  CHECK(clip(Array(DType::kF32, {0})).element_count() == 0);
  CHECK(clip(Array::scalar(-7.0))() == -1);
  const auto rows = function([](Tensor x) { return clip_by_norm(x, 1, 1); });
  const Array by_row = rows(Array({{3.F, 4.F}, {0.F, 0.5F}}));
  CHECK(by_row(0, 0) == doctest::Approx(0.6));
  CHECK(by_row(1, 1) == 0.5);
  CHECK(traced({f32(2)}, [](Tensor x) { return clip_by_norm(x, 0); }) ==
        here("clip_by_norm: expected a norm above 0, got 0"));
  CHECK(traced({i32(2)}, [](Tensor x) { return clip_by_norm(x, 1); }) ==
        here("clip_by_norm: expected floats, got i32[2]"));
}

TEST_CASE("a clipped gradient is still known by its variable") {
  const Variable a("a", Array::scalar(1.F));
  const Variable b("b", Array::scalar(1.F));
  const SGD sgd;
  CHECK(traced({f32()}, [&](Tensor x) {
          std::vector<Tensor> g = gradients(x * a * b, {a, b});
          for (Tensor& each : g) each = clip_by_norm(each, 1);
          sgd.apply({g[1], g[0]}, {a, b});
        }).starts_with(here("sgd: gradient 0 is the derivative with respect to variable \"b\"")));
}

TEST_CASE("the norm of an embedding's gradient adds up the uses of a row first") {
  const Variable table("table", zeros({3, 1}));
  const auto norm = function([&](Tensor ids) { return global_norm(gradients(reduce_sum(gather(table, ids)), table)); });
  CHECK(norm(std::vector<std::int32_t>{0, 0}).item<float>() == 2);
}
