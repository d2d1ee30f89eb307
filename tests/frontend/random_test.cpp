// Random ops: their state, and dropout.
#include <doctest/doctest.h>

#include <cmath>

#include "sluice/frontend.h"
#include "tests/frontend/engine.h"

using namespace sluice;

namespace {

double mean(const Array& array) {
  double sum = 0;
  for (const float x : array.data<float>()) sum += x;
  return sum / static_cast<double>(array.element_count());
}

}  // namespace

TEST_CASE("each call and each position draws different numbers, and a seed reproduces them") {
  const auto draw = function("draw", [] { return outputs(random_uniform({100}), random_uniform({100})); });
  set_seed(5);
  const auto [a, b] = draw();
  const auto [c, d] = draw();
  CHECK_FALSE(a == b);
  CHECK_FALSE(a == c);
  CHECK_FALSE(b == c);
  CHECK_FALSE(b == d);
  set_seed(5);
  const auto [again, b_again] = draw();
  CHECK(again == a);
  CHECK(b_again == b);
  set_seed(6);
  CHECK_FALSE(draw()[0] == a);
  CHECK(draw.traces() == 1);
}

TEST_CASE("two functions continue from one state") {
  const auto f = function("f", [] { return random_uniform({50}); });
  const auto g = function("g", [] { return random_uniform({50}); });
  set_seed(1);
  const Array first = f();
  const Array second = g();
  CHECK_FALSE(first == second);
  set_seed(1);
  CHECK(g() == first);
  CHECK(f() == second);
}

TEST_CASE("ranges and moments") {
  set_seed(2);
  const Array uniform = function("f", [] { return random_uniform({20000}, -2, 4); })();
  CHECK(mean(uniform) == doctest::Approx(1).epsilon(0.05));
  for (const float x : uniform.data<float>()) REQUIRE((x >= -2 && x < 4));
  const Array normal = function("f", [] { return random_normal({20000}, 3, 2); })();
  CHECK(mean(normal) == doctest::Approx(3).epsilon(0.02));
  double square_sum = 0;
  for (const float x : normal.data<float>()) square_sum += (x - 3) * (x - 3);
  CHECK(std::sqrt(square_sum / 20000) == doctest::Approx(2).epsilon(0.03));
}

TEST_CASE("dropout scales what it keeps, and only in training") {
  set_seed(4);
  const auto train = function("train", {f32(batch, 1000)}, [](Tensor x) { return dropout(x, 0.25, Mode::kTrain); });
  const auto evaluate =
      function("evaluate", {f32(batch, 1000)}, [](Tensor x) { return dropout(x, 0.25, Mode::kEvaluate); });
  const Array x = ones({10, 1000});
  const Array kept = train(x);
  int dropped = 0;
  for (const float each : kept.data<float>()) {
    if (each == 0) {
      ++dropped;
    } else {
      REQUIRE(each == doctest::Approx(1 / 0.75));
    }
  }
  CHECK(dropped / 10000.0 == doctest::Approx(0.25).epsilon(0.08));
  CHECK_FALSE(train(x) == kept);
  CHECK(evaluate(x) == x);
}

TEST_CASE("the derivative of dropout passes where elements were kept") {
  const auto f = function("f", {f32(100)}, [](Tensor x) {
    const Tensor y = dropout(x, 0.5, Mode::kTrain);
    return outputs(y, gradients(reduce_sum(y), {x})[0]);
  });
  const auto [y, gradient] = f(ones({100}));
  CHECK(y == gradient);
}
