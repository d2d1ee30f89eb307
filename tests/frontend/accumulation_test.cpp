// Gradient accumulation: a window is one update with the gradients of all its micro-batches.
#include <doctest/doctest.h>

#include <cmath>
#include <filesystem>

#include "sluice/frontend.h"
#include "tests/frontend/derivatives.h"
#include "tests/frontend/engine.h"
#include "tests/frontend/floats.h"
#include "tests/frontend/misuse.h"

using namespace sluice;
using test::floats;

namespace {

using F = std::vector<float>;

/// Returns rows [begin, begin + count) of a matrix.
Array rows_of(const Array& x, std::int64_t begin, std::int64_t count) {
  const std::int64_t width = x.sizes()[1];
  const auto from =
      x.data<float>().subspan(static_cast<std::size_t>(begin * width), static_cast<std::size_t>(count * width));
  return Array(from, {count, width});
}

}  // namespace

TEST_CASE("windows of micro-batches are steps of the large batches") {
  constexpr std::int64_t kMicro = 3;
  constexpr std::int64_t kSteps = 4;
  constexpr int kWindows = 3;
  const Array x = test::pattern({kMicro * kSteps, 5});
  const Variable start("start", test::pattern({5, 2}, 1));
  const Variable large("large", start.value());
  const Variable small("small", start.value());
  const AdamW plain({.learning_rate = 0.1, .weight_decay = 0.1});
  const GradientAccumulation accumulated(AdamW({.learning_rate = 0.1, .weight_decay = 0.1}), kSteps);
  const auto make_step = [](const auto& optimizer, const Variable& w) {
    return function("step", {f32(batch, 5)}, [&optimizer, w](Tensor in) {
      optimizer.minimize(reduce_mean(square(tanh(matmul(in, w)) - 0.3)), w);
    });
  };
  const auto large_step = make_step(plain, large);
  const auto small_step = make_step(accumulated, small);
  for (int window = 0; window < kWindows; ++window) {
    const F before = floats(small.value());
    for (std::int64_t i = 0; i < kSteps; ++i) {
      CHECK(floats(small.value()) == before);
      small_step(rows_of(x, i * kMicro, kMicro));
    }
    large_step(x);
    CHECK(test::difference(small.value(), test::doubles(large.value())) < 1e-5);
  }
  CHECK(small_step.traces() == 1);
}

TEST_CASE("a window of one step is the optimizer itself") {
  const Variable a("a", Array(F{1, -2, 3}));
  const Variable b("b", Array(F{1, -2, 3}));
  const Nadam plain;
  const GradientAccumulation accumulated(Nadam(), 1);
  const auto step = function("step", [&](Tensor g) {
    plain.apply({g}, a);
    accumulated.apply({g}, b);
  });
  for (int i = 0; i < 5; ++i) step(F{0.1F, -0.2F, static_cast<float>(i)});
  CHECK(floats(a.value()) == floats(b.value()));
}

TEST_CASE("sums over items are divided by all items of the window, and flush applies the rest") {
  const Variable w("w", Array::scalar(0.F));
  const GradientAccumulation sgd(SGD({.learning_rate = 1}), 2);
  const auto step =
      function("step", {f32(), i64()}, [&](Tensor sum, Tensor items) { sgd.minimize(sum * w, w, items); });
  const auto flush = function("flush", {}, [&] { sgd.flush(w); });
  step(1.F, 1);
  CHECK(w.value().item<float>() == 0);
  step(9.F, 3);
  CHECK(w.value().item<float>() == -2.5F);  // the mean of the means, 1 and 3, would be 2
  flush();                                  // there is nothing left
  CHECK(w.value().item<float>() == -2.5F);
  step(6.F, 4);
  flush();
  CHECK(w.value().item<float>() == -4);
  step(8.F, 4);  // begins a new window
  CHECK(w.value().item<float>() == -4);
  step(0.F, 4);
  CHECK(w.value().item<float>() == -5);
  step(0.F, 0);
  step(0.F, 0);
  CHECK(w.value().item<float>() == -5);
  CHECK(flush.traces() == 1);
}

TEST_CASE("an unfinished window changes no state of the optimizer") {
  const Variable w("w", Array(F{1, 2}));
  const Adam adam;
  const GradientAccumulation accumulated(adam, 3);
  const auto step = function("step", [&](Tensor g) { accumulated.apply({g}, w); });
  accumulated.build(w);
  const std::uint64_t before = hash_of(adam);
  step(F{1, 2});
  step(F{1, 2});
  CHECK(hash_of(adam) == before);
  CHECK(floats(w.value()) == F{1, 2});
  step(F{1, 2});
  CHECK(hash_of(adam) != before);
}

TEST_CASE("several windows in one function, and assignments before them") {
  const Variable w("w", Array::scalar(0.F));
  const GradientAccumulation sgd(SGD({.learning_rate = 1}), 2);
  const auto step = function("step", [&](Tensor g) {
    w.assign_add(10);
    for (int i = 0; i < 3; ++i) sgd.apply({g}, w);
  });
  step(1.F);
  CHECK(w.value().item<float>() == 9);
  step(2.F);  // the window that is left, and a whole one
  CHECK(w.value().item<float>() == 19 - 1.5F - 2);
}

TEST_CASE("the learning rate and the variables are those of the optimizer inside") {
  const Adam adam({.learning_rate = 0.5});
  const GradientAccumulation accumulated(adam, 2);
  CHECK(accumulated.learning_rate().is(adam.learning_rate()));
  const Variable w("w", Array(F{1, 2}));
  accumulated.build(w);
  CHECK(accumulated.trainable_variables().empty());
  CHECK(accumulated.variables().size() == adam.variables().size() + 3);  // the sum, the items, the micro-batches
  const auto copy = clone(accumulated);
  CHECK(!copy.learning_rate().is(adam.learning_rate()));
  const auto step = function("step", [&](Tensor g) { copy.apply({g}, w); });
  const std::uint64_t before = hash_of(accumulated);
  step(F{1, 1});
  step(F{1, 1});
  CHECK(hash_of(accumulated) == before);
  CHECK(w.value()(0) == doctest::Approx(0.5));
}

TEST_CASE("misuse of accumulation is an error at the user's line") {
  const Variable w("w", Array::scalar(0.F));
  CHECK(thrown([] { GradientAccumulation(SGD(), 0); }) ==
        here("gradient_accumulation: expected at least one step, got 0"));
  const GradientAccumulation sgd(SGD(), 2);
  CHECK(traced({f32(3)}, [&](Tensor x) { sgd.minimize(reduce_sum(x) * w, w, x); }) ==
        here("gradient_accumulation: expected a scalar number of items, got f32[3]"));
  CHECK(traced({f32()}, [&](Tensor x) {
          sgd.minimize(x * w, VariableList());
        }).starts_with(here("gradient_accumulation: there are no variables to update")));
}
