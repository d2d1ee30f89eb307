#pragma once

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <charconv>
#include <concepts>
#include <limits>
#include <string>
#include <system_error>

namespace sluice::cli {

/// For CLI::Option::check: accepts an integer within the limits, which an Integer can hold.
template <std::integral Integer>
CLI::Validator whole(Integer lowest, Integer highest = std::numeric_limits<Integer>::max()) {
  const auto check = [=](const std::string& text) -> std::string {
    Integer value{};
    const char* const end = text.data() + text.size();
    const auto [read, error] = std::from_chars(text.data(), end, value);
    if (error == std::errc() && read == end && value >= lowest && value <= highest) return "";
    return fmt::format("expected a whole number from {} to {}, got '{}'", lowest, highest, text);
  };
  return {check, ""};
}

/// Accepts sizes of B and repetition counts. The upper limit keeps byte counts within 64 bits.
inline CLI::Validator count() { return whole(1, 1'000'000'000); }

/// For CLI::Option::check: accepts a finite number above 0.
CLI::Validator positive();

/// Parses the command line, as app.parse does. Ends the process after --help, with status 0, and after arguments that
/// `app` does not accept, with status 2 and a message on stderr: "program: --batch: expected ..., got ...", "program:
/// unknown option '--epochz'; did you mean '--epochs'?". A command's CLI::RuntimeError ends it with its status.
void parse(CLI::App& app, int argc, char** argv);

}  // namespace sluice::cli
