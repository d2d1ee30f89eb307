#include <cmath>
#include <functional>

#include "tests/examples/guide_run.h"

using namespace sluice::test;

namespace {

/// Returns x after 2000 steps from 2, in double. `change` returns the amount subtracted for a derivative at a step,
/// counted from 1.
double descend(const std::function<double(double, int)>& change) {
  double x = 2;
  for (int step = 1; step <= 2000; ++step) x -= change(8 * x * x * x + 9 * x * x, step);
  return x;
}

double descend_with_momentum(double rate, double momentum) {
  double last = 0;
  return descend([&](double slope, int) { return last = rate * slope + momentum * last; });
}

double descend_with_adam(double rate) {
  double m = 0;
  double v = 0;
  return descend([&](double slope, int step) {
    m = 0.9 * m + 0.1 * slope;
    v = 0.999 * v + 0.001 * slope * slope;
    return rate * m / (1 - std::pow(0.9, step)) / (std::sqrt(v / (1 - std::pow(0.999, step))) + 1e-7);
  });
}

}  // namespace

TEST_CASE("custom_optimizers: each follows its formula") {
  const std::string out = output_of("");
  // The runs come in the order of the optimizers, each with the rates 0.001, 0.01 and 0.1.
  const auto slow = numbers_at(out, "Exceeded the maximum of 2000 iterations: x = (\\S+)");
  REQUIRE(slow.size() == 5);
  CHECK(slow[0] == doctest::Approx(descend_with_momentum(1e-3, 0)).epsilon(1e-3));
  CHECK(slow[1] == doctest::Approx(descend_with_momentum(1e-2, 0)).epsilon(1e-3));
  CHECK(slow[2] == doctest::Approx(descend_with_momentum(1e-3, 0.7)).epsilon(1e-3));
  CHECK(slow[3] == doctest::Approx(descend_with_adam(1e-3)).epsilon(1e-3));
  CHECK(slow[4] == doctest::Approx(descend_with_adam(1e-2)).epsilon(1e-3));

  const auto exploded = numbers_at(out, "learning rate (\\S+)\n  Exploded at iteration");
  CHECK(exploded == std::vector<double>{0.1, 0.1});

  // Momentum, the Adam of the example and the one of Sluice.
  const auto rates = numbers_at(out, "learning rate (\\S+)\n  Converged in");
  CHECK(rates == std::vector<double>{0.01, 0.1, 0.1});
  const auto found = numbers_at(out, "Converged in \\d+ iterations: x = (\\S+)");
  REQUIRE(found.size() == 3);
  for (const double x : found) CHECK(x == doctest::Approx(-1.125).epsilon(1e-3));
}

TEST_CASE("custom_optimizers: all runs print the same") {
  CHECK(output_of("", "SLUICE_NUM_THREADS=1") == output_of("", "SLUICE_NUM_THREADS=2"));
}

TEST_CASE("custom_optimizers: every pass preserves the meaning") { output_of("", "SLUICE_FLAGS=--check-passes"); }

TEST_CASE("custom_optimizers: options") {
  const Outcome outcome = run_program(SLUICE_PROGRAM, "--help");
  CHECK(outcome.status != 0);
  CHECK(outcome.err == "usage: custom_optimizers\n");
}
