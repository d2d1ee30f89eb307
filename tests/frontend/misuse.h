#pragma once

#include <algorithm>
#include <fstream>
#include <source_location>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "sluice/frontend.h"
#include "tests/frontend/thrown.h"

// Errors of programs that misuse the DSL, for tests whose own lines are the user's.
namespace sluice {

/// Returns the error of tracing `body` with tensors of these types.
template <typename Body>
std::string traced(std::vector<TensorSpec> types, Body body) {
  return thrown([&] { function("f", std::move(types), body).compile(); });
}

/// Returns the name of the test's file without its folder.
inline std::string file_of(const std::source_location& test) {
  const std::string_view file = test.file_name();
  return std::string(file.substr(file.rfind('/') + 1));
}

/// Returns the whole error of `f`, with each location in the test's file replaced by its source line.
template <typename F>
std::string thrown_in_full(F&& f, std::source_location test = std::source_location::current()) {
  std::string what;
  try {
    f();
  } catch (const Error& error) {
    what = error.what();
  }
  std::vector<std::string> lines{""};
  std::ifstream source(SLUICE_FRONTEND_TESTS "/" + file_of(test));
  for (std::string line; std::getline(source, line);)
    lines.push_back(line.substr(std::min(line.find_first_not_of(' '), line.size())));
  const std::string file = test.file_name() + std::string(":");
  for (std::size_t at = what.find(file); at != std::string::npos; at = what.find(file)) {
    const std::size_t end = what.find_first_not_of("0123456789", at + file.size());
    const std::size_t number = std::stoul(what.substr(at + file.size()));
    what.replace(at, end == std::string::npos ? end : end - at, "<" + lines.at(number) + ">");
  }
  return what;
}

/// The same for tracing `body` with tensors of these types.
template <typename Body>
std::string shown(std::vector<TensorSpec> types, Body body,
                  std::source_location test = std::source_location::current()) {
  return thrown_in_full([&] { function("f", std::move(types), body, test).compile(); }, test);
}

/// Returns `message` as thrown() does for an error at a line of the test.
inline std::string here(std::string_view message, std::source_location test = std::source_location::current()) {
  return "@" + file_of(test) + " " + std::string(message);
}

}  // namespace sluice
