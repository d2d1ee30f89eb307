#include "runtime/execution/locations.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <map>
#include <set>
#include <vector>

namespace sluice::runtime {

namespace {

using Lines = std::map<std::string_view, std::set<std::uint32_t>>;  // by file

std::string ranges(const std::set<std::uint32_t>& lines) {
  std::vector<std::string> parts;
  for (auto line = lines.begin(); line != lines.end();) {
    const std::uint32_t first = *line;
    std::uint32_t last = first;
    while (++line != lines.end() && *line == last + 1) last = *line;
    parts.push_back(first == last ? fmt::format("{}", first) : fmt::format("{}-{}", first, last));
  }
  return fmt::format("{}", fmt::join(parts, ", "));
}

std::string text_of(const Lines& lines) {
  std::vector<std::string> parts;
  for (const auto& [file, numbers] : lines) parts.push_back(fmt::format("{}:{}", file, ranges(numbers)));
  return fmt::format("{}", fmt::join(parts, "; "));
}

}  // namespace

std::string lines_of(const ir::Origins& origins) {
  Lines plain;
  Lines gradients;
  for (const ir::Origin& origin : origins) {
    const Location user = origin.stack != nullptr ? origin.stack->user() : Location{};
    if (user.known()) (origin.gradient ? gradients : plain)[user.file].insert(user.line);
  }
  std::string text = text_of(plain);
  if (!gradients.empty()) text += fmt::format("{}gradient of {}", text.empty() ? "" : "; ", text_of(gradients));
  return text;
}

}  // namespace sluice::runtime
