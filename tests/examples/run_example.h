#pragma once

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <filesystem>
#include <string>
#include <vector>

#include "sluice/synthetic_digits.h"
#include "tests/support/mnist_folder.h"
#include "tests/support/run_program.h"

// Runs the example under test, SLUICE_PROGRAM, as a user would.
namespace sluice::test {

/// A few digits in place of MNIST: 10,000 for validation (the split's number), 5 * 128 + 80 for training, 100 for
/// testing.
inline const std::filesystem::path& small_data() {
  static const TemporaryFolder folder;
  static const bool written = [] {
    write_mnist(folder.path() / "digits", synthetic_digits(1, 0, 10720), synthetic_digits(1, 60000, 100));
    return true;
  }();
  static const std::filesystem::path path = folder.path() / "digits";
  CHECK(written);
  return path;
}

inline Outcome run(const std::string& arguments, const std::string& environment = "") {
  return run_program(SLUICE_PROGRAM, arguments, environment);
}

/// The same with the small data.
inline Outcome train(const std::string& arguments) {
  return run(fmt::format("--data '{}' {}", small_data().string(), arguments));
}

/// Arguments that the program refuses.
struct Refused {
  std::string arguments;
  std::string named;  ///< the text that the message must contain
};

/// Checks that the program with `before` and then the arguments fails, prints nothing but its message, and does
/// nothing.
inline void check_refuses(const std::vector<Refused>& list, const std::string& before = "") {
  for (const Refused& refused : list) {
    INFO(refused.arguments);
    const Outcome outcome = run(before + refused.arguments);
    INFO(outcome.err);
    CHECK(outcome.status != 0);
    CHECK(outcome.out.empty());
    CHECK(contains(outcome.err, refused.named));
    CHECK(outcome.err.starts_with(std::filesystem::path(SLUICE_PROGRAM).filename().string() + ": "));
  }
}

}  // namespace sluice::test
