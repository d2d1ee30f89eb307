// Learning rates by step, against their formulas.
#include "sluice/schedule.h"

#include <doctest/doctest.h>

#include <cmath>

#include "tests/frontend/thrown.h"

using namespace sluice;

TEST_CASE("a constant rate") {
  CHECK(constant_rate(0.1)(0) == 0.1);
  CHECK(constant_rate(0.1)(1'000'000) == 0.1);
}

TEST_CASE("a rate that falls in steps") {
  const Schedule schedule = step_decay(0.8, 0.5, 10);
  CHECK(schedule(0) == 0.8);
  CHECK(schedule(9) == 0.8);
  CHECK(schedule(10) == 0.4);
  CHECK(schedule(29) == 0.2);
  CHECK(thrown([] { step_decay(0.8, 0.5, 0); }) == "step_decay: expected at least 1 step between two rates, got 0");
}

TEST_CASE("a rate that falls along a cosine") {
  const Schedule schedule = cosine_decay(0.5, 100, 0.1);
  CHECK(schedule(0) == 0.5);
  CHECK(schedule(25) == doctest::Approx(0.1 + 0.4 * (1 + std::sqrt(0.5)) / 2));
  CHECK(schedule(50) == doctest::Approx(0.3));
  CHECK(schedule(100) == 0.1);
  CHECK(schedule(1000) == 0.1);
  CHECK(thrown([] { cosine_decay(0.8, 0); }) == "cosine_decay: expected at least 1 step, got 0");
}

TEST_CASE("a rate that falls by a factor, in each step") {
  const Schedule schedule = exponential_decay(0.8, 0.25, 10);
  CHECK(schedule(0) == 0.8);
  CHECK(schedule(5) == 0.4);
  CHECK(schedule(10) == 0.2);
  CHECK(schedule(25) == doctest::Approx(0.025));
  CHECK(thrown([] { exponential_decay(0.8, 0.5, 0); }) == "exponential_decay: expected at least 1 step, got 0");
}

TEST_CASE("a rate that falls along a polynomial") {
  const Schedule line = polynomial_decay(0.5, 4, 0.25);
  CHECK(line(0) == 0.5);
  CHECK(line(1) == 0.4375);
  CHECK(line(4) == 0.25);
  CHECK(line(5) == 0.25);
  const Schedule parabola = polynomial_decay(1, 4, 0, 2);
  CHECK(parabola(1) == 0.5625);
  CHECK(parabola(2) == 0.25);
  CHECK(parabola(100) == 0);
  CHECK(thrown([] { polynomial_decay(1, 0); }) == "polynomial_decay: expected at least 1 step, got 0");
  CHECK(thrown([] { polynomial_decay(1, 1, 0, 0); }) == "polynomial_decay: expected a power above 0, got 0");
}

TEST_CASE("rates by hand") {
  const Schedule schedule = piecewise_constant({2, 5}, {1, 0.5, 0.25});
  CHECK(schedule(0) == 1);
  CHECK(schedule(2) == 1);  // as in Keras
  CHECK(schedule(3) == 0.5);
  CHECK(schedule(5) == 0.5);
  CHECK(schedule(6) == 0.25);
  CHECK(piecewise_constant({}, {0.5})(7) == 0.5);
  CHECK(thrown([] { piecewise_constant({1}, {1}); }) ==
        "piecewise_constant: expected one rate more than boundaries, got 1 and 1");
  CHECK(thrown([] {
          piecewise_constant({1, 1}, {1, 2, 3});
        }) == "piecewise_constant: expected boundaries that increase, got 1, 1");
}

TEST_CASE("a warm-up before another schedule") {
  const Schedule schedule = warm_up(3, step_decay(0.8, 0.5, 2));
  CHECK(schedule(0) == doctest::Approx(0.2));
  CHECK(schedule(1) == doctest::Approx(0.4));
  CHECK(schedule(2) == doctest::Approx(0.6));
  CHECK(schedule(3) == 0.8);
  CHECK(schedule(4) == 0.8);
  CHECK(schedule(5) == 0.4);
  CHECK(warm_up(0, constant_rate(0.1))(0) == 0.1);
  CHECK(thrown([] { warm_up(-1, constant_rate(1)); }) == "warm_up: expected at least 0 steps, got -1");
  CHECK(thrown([] { warm_up(1, {}); }) == "warm_up: expected a schedule to follow, got an empty one");
}
