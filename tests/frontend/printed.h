#pragma once

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <limits>
#include <mutex>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>

#include "sluice/effects.h"
#include "sluice/error.h"
#include "sluice/options.h"
#include "tests/frontend/both_engines.h"

// For tests of print and check.
namespace sluice::test {

inline constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

/// Collects prints during its lifetime, without the folders of files.
class Printed {
 public:
  Printed() {
    set_print_sink([this](std::string_view text) {
      const std::size_t file = text.rfind('/', text.find(": ")) + 1;
      const std::scoped_lock lock(mutex_);
      text_ += text.substr(file);
    });
  }
  ~Printed() { set_print_sink({}); }
  Printed(const Printed&) = delete;
  Printed& operator=(const Printed&) = delete;

  /// Returns what has been printed since the last call.
  std::string take() {
    const std::scoped_lock lock(mutex_);
    return std::exchange(text_, "");
  }

 private:
  std::mutex mutex_;
  std::string text_;
};

inline std::string file_name(const std::source_location& here) {
  const std::string_view file = here.file_name();
  return std::string(file.substr(file.rfind('/') + 1));
}

/// Returns the text that a print at `line` of the test's file writes.
inline std::string at(std::uint32_t line, std::string_view rest,
                      const std::source_location& here = std::source_location::current()) {
  return fmt::format("{}:{}: {}\n", file_name(here), line, rest);
}

/// The line of the Error that f throws; 0 if there is none.
template <typename F>
std::uint32_t thrown_at(F f) {
  try {
    f();
  } catch (const Error& error) {
    return error.location().line;
  }
  return 0;
}

inline constexpr std::string_view kUnchanged = "; all variables are as before the step";

/// A failed check in this file, as thrown() returns it.
inline std::string refusal(std::string_view message,
                           const std::source_location& here = std::source_location::current()) {
  return fmt::format("@{} {}{}", file_name(here), message, kUnchanged);
}

}  // namespace sluice::test
