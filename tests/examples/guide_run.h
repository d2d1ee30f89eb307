#pragma once

#include <doctest/doctest.h>

#include <regex>
#include <string>
#include <vector>

#include "tests/support/run_program.h"

// Runs an example after one of TensorFlow's shorter guides, SLUICE_PROGRAM, and parses its output.
namespace sluice::test {

/// Returns its output. It must succeed and print nothing to stderr.
inline std::string output_of(const std::string& arguments, const std::string& environment = "") {
  const Outcome outcome = run_program(SLUICE_PROGRAM, arguments, environment);
  CHECK(outcome.status == 0);
  CHECK(outcome.err.empty());
  return outcome.out;
}

/// Returns the numbers that match the first group of `pattern`, in order.
inline std::vector<double> numbers_at(const std::string& text, const std::string& pattern) {
  std::vector<double> numbers;
  const std::regex expression(pattern);
  for (std::sregex_iterator match(text.begin(), text.end(), expression), end; match != end; ++match) {
    numbers.push_back(std::stod((*match)[1]));
  }
  return numbers;
}

/// The same for a pattern that matches once.
inline double number_at(const std::string& text, const std::string& pattern) {
  const std::vector<double> numbers = numbers_at(text, pattern);
  REQUIRE_MESSAGE(numbers.size() == 1, pattern);
  return numbers[0];
}

/// The same seed learns the same, bit for bit, for any number of threads; another seed does not.
inline void check_seeds() {
  const auto hash = [](int seed, int threads) {
    const std::string out =
        output_of(fmt::format("--seed {} --hash", seed), fmt::format("SLUICE_NUM_THREADS={}", threads));
    const std::size_t at = out.find("Weights hash: ");
    REQUIRE(at != std::string::npos);
    return out.substr(at);
  };
  const std::string first = hash(3, 1);
  CHECK(hash(3, 2) == first);
  CHECK(hash(4, 1) != first);
}

/// An unknown option is rejected, and named.
inline void check_refuses_unknown_option() {
  const Outcome outcome = run_program(SLUICE_PROGRAM, "--sed 3");
  CHECK(outcome.status != 0);
  CHECK(outcome.out.empty());
  CHECK(contains(outcome.err, "--sed"));
}

}  // namespace sluice::test
