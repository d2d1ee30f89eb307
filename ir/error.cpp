#include "sluice/error.h"

#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <set>

namespace sluice {

std::string_view intern_file(std::string_view file) {
  static std::mutex mutex;
  static auto* const names = new std::set<std::string, std::less<>>;  // never destroyed: locations outlive every static
  const std::scoped_lock lock(mutex);
  auto found = names->find(file);
  if (found == names->end()) found = names->emplace(file).first;
  return *found;
}

std::string to_string(const Location& location) {
  if (!location.known()) return "unknown location";
  return fmt::format("{}:{}", location.file, location.line);
}

static std::string with_location(const std::string& message, const Location& location) {
  if (!location.known()) return message;
  if (location.column == 0) return fmt::format("{}: {}", to_string(location), message);
  return fmt::format("{}:{}: {}", to_string(location), location.column, message);
}

/// The words of a message may come from an untrusted file: they must neither control a terminal nor make it unreadable.
static std::string shown(const std::string& message) {
  constexpr std::size_t kLongestLine = 1000;
  return with_short_lines(printable_lines(message), kLongestLine);
}

Error::Error(const std::string& message, Location location)
    : std::runtime_error(shown(with_location(message, location))), message_(shown(message)), location_(location) {}

void write_to_stderr(std::string_view text) noexcept {
  std::fwrite(text.data(), 1, text.size(), stderr);
  std::fflush(stderr);
}

void internal_error(const char* file, int line, const std::string& message) {
  print_to_stderr("sluice: internal error (a bug in Sluice, please report it) at {}:{}: {}\n", file, line, message);
  std::abort();
}

}  // namespace sluice
