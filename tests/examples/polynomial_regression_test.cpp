#include <cmath>

#include "sluice/loaded_model.h"
#include "tests/examples/guide_run.h"

using namespace sluice;
using namespace sluice::test;

TEST_CASE("polynomial_regression finds the parabola under the noise") {
  const std::string out = output_of("");
  const std::vector<double> losses = numbers_at(out, "Mean squared error for step \\d+: (\\S+)\n");
  REQUIRE(losses.size() == 10);
  CHECK(losses.front() > 1);
  CHECK(losses.back() < losses.front() / 4);

  // The mean of n squares of normal numbers has a relative standard deviation of sqrt(2 / n): 10% and 14% here.
  CHECK(number_at(out, "Final training loss: (\\S+)") == doctest::Approx(0.25).epsilon(0.3));
  CHECK(number_at(out, "Final test loss: (\\S+)") == doctest::Approx(0.25).epsilon(0.42));

  std::smatch learned;
  REQUIRE(std::regex_search(out, learned, std::regex("learned was y = (\\S+) x\\^2 (\\S+) x (\\S+)\n")));
  CHECK(std::abs(std::stod(learned[1]) - 1) < 0.15);
  CHECK(std::abs(std::stod(learned[2]) - 2) < 0.15);
  CHECK(std::abs(std::stod(learned[3]) + 5) < 0.25);

  CHECK(contains(out, "before training"));
  CHECK(contains(out, "after training"));
  CHECK(contains(out, "test loss"));
}

TEST_CASE("polynomial_regression saves a model that any program can use") {
  const TemporaryFolder folder;
  const auto saved = folder.path() / "parabola";
  const std::string out = output_of(fmt::format("--save '{}'", saved.string()));
  CHECK(number_at(out, "Test loss of the saved model: (\\S+)") == number_at(out, "Final test loss: (\\S+)"));
  const Array y = load(saved).run({Array({0.F, 1.F}, {2})})[0];  // of x^2 + 2x - 5
  CHECK(y.data<float>()[0] == doctest::Approx(-5).epsilon(0.05));
  CHECK(y.data<float>()[1] == doctest::Approx(-2).epsilon(0.2));
}

TEST_CASE("polynomial_regression reports before training that it cannot save") {
  const Outcome outcome = run_program(SLUICE_PROGRAM, "--save /dev/null/parabola");
  CHECK(outcome.status != 0);
  CHECK(outcome.out.empty());
  CHECK(contains(outcome.err, "polynomial_regression: /dev/null"));
}

TEST_CASE("polynomial_regression: seeds") { check_seeds(); }
TEST_CASE("polynomial_regression: options") { check_refuses_unknown_option(); }
