#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include "sluice/printable.h"

namespace sluice {

/// One line of source: of the user's C++ program, of Sluice itself, or of a graph's text. `file` is interned
/// (`intern_file`), so a Location is cheap to copy and never dangles. An unknown location has an empty file.
struct Location {
  std::string_view file;
  std::uint32_t line = 0;
  std::uint32_t column = 0;

  bool known() const { return !file.empty(); }
  bool operator==(const Location&) const = default;
};

/// Keeps a copy of `file` for the life of the process and returns the same view for equal names.
std::string_view intern_file(std::string_view file);

/// Returns "file:line", or "unknown location".
std::string to_string(const Location& location);

/// A user error: a shape that does not fit, a truncated file, an unknown flag. The message is lower case, names the op
/// or file, and says what was expected and what was given; a known location precedes it as "file:line: ", or
/// "file:line:column: " if the column is known.
class Error : public std::runtime_error {
 public:
  explicit Error(const std::string& message, Location location = {});

  /// Returns the location of the user's mistake, if it is known.
  const Location& location() const { return location_; }
  /// The message without the location.
  const std::string& message() const { return message_; }

 private:
  std::string message_;
  Location location_;
};

/// Throws an Error with a formatted message.
template <typename... Args>
[[noreturn]] void fail(fmt::format_string<Args...> format, Args&&... args) {
  throw Error(fmt::format(format, std::forward<Args>(args)...));
}

/// Writes `text` to stderr. Failures are ignored: a process whose stderr is closed or full continues.
void write_to_stderr(std::string_view text) noexcept;

/// Writes a formatted message to stderr; fmt::print would throw if it cannot be written. Escapes what a terminal would
/// interpret.
template <typename... Args>
void print_to_stderr(fmt::format_string<Args...> format, Args&&... args) {
  write_to_stderr(printable_lines(fmt::format(format, std::forward<Args>(args)...)));
}

/// A bug in Sluice, not in the user's program: prints what broke and where, and aborts.
[[noreturn]] void internal_error(const char* file, int line, const std::string& message);

}  // namespace sluice

/// Stops with an internal error unless `condition` holds. For bugs in Sluice only; user errors throw sluice::Error.
#define SLUICE_CHECK(condition, ...)                                                                           \
  do {                                                                                                         \
    if (!(condition)) [[unlikely]]                                                                             \
      ::sluice::internal_error(__FILE__, __LINE__, std::string(#condition ": ") + ::fmt::format(__VA_ARGS__)); \
  } while (false)

/// For code that no input can reach.
#define SLUICE_UNREACHABLE(...) ::sluice::internal_error(__FILE__, __LINE__, ::fmt::format(__VA_ARGS__))
