// README's model is the one that the consumer project compiles and trains.
#include <doctest/doctest.h>

#include <fstream>
#include <string>
#include <string_view>
#include <vector>

namespace {

using Lines = std::vector<std::string>;

Lines read_lines(const char* file) {
  std::ifstream stream(file);
  REQUIRE(stream.is_open());
  Lines lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

/// The lines after the first one that is `begin`, up to the next one that is `end`, without `indentation` before them.
Lines between(const Lines& lines, std::string_view begin, std::string_view end, std::string_view indentation) {
  Lines result;
  bool inside = false;
  for (const std::string& line : lines) {
    if (inside && line == end) return result;
    if (inside) result.push_back(line.starts_with(indentation) ? line.substr(indentation.size()) : line);
    if (line == begin) inside = true;
  }
  return {};
}

}  // namespace

TEST_CASE("the first C++ code of README is compiled and run by the consumer of the package") {
  const Lines shown = between(read_lines(SLUICE_README), "```cpp", "```", "");
  const Lines compiled =
      between(read_lines(SLUICE_CONSUMER), "  // begin of README's model", "  // end of README's model", "  ");
  REQUIRE(!shown.empty());
  CHECK(shown == compiled);
}
