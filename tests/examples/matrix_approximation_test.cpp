#include <cmath>

#include "tests/examples/guide_run.h"

using namespace sluice::test;

TEST_CASE("matrix_approximation reaches the best approximation of each rank") {
  const std::string out = output_of("");
  CHECK(number_at(out, "Original size of the picture: (\\d+)") == 32 * 48);
  const auto ranks = numbers_at(out, "Rank (\\d+):");
  const auto sizes = numbers_at(out, "Rank \\d+: size (\\d+)");
  const auto parts = numbers_at(out, "proportion of the original size (\\S+)");
  const auto errors = numbers_at(out, "norm of the error: +(\\S+)");
  REQUIRE(ranks == std::vector<double>{1, 2, 4, 8});
  REQUIRE(errors.size() == 4);
  const auto energies = numbers_at(out, "Energy kept, of the squared norm: +(\\S+)");
  for (std::size_t i = 0; i < 4; ++i) {
    CHECK(sizes.at(i) == ranks[i] * (32 + 48));
    CHECK(parts.at(i) == doctest::Approx(sizes[i] / (32 * 48)).epsilon(0.005));
    // The sum of 0.75^(2 k) over k from the rank to 15.
    const double least = (std::pow(0.5625, ranks[i]) - std::pow(0.5625, 16)) / (1 - 0.5625);
    CHECK(errors[i] == doctest::Approx(least).epsilon(2e-3));
    const double all = (1 - std::pow(0.5625, 16)) / (1 - 0.5625);
    CHECK(energies.at(i) == doctest::Approx(1 - least / all).epsilon(2e-3));
  }
}

TEST_CASE("matrix_approximation: seeds") { check_seeds(); }
TEST_CASE("matrix_approximation: options") { check_refuses_unknown_option(); }
