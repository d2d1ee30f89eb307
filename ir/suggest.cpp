#include "ir/suggest.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

namespace sluice {

namespace {

constexpr std::size_t kLongestName = 64;  // the table is quadratic, and nobody misspells a longer name by one letter

/// Returns the optimal string alignment distance, computed row by row.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before_previous;
  std::vector<std::size_t> previous(b.size() + 1);
  std::vector<std::size_t> current(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) previous[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    current[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = previous[j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1);
      current[j] = std::min({replaced, previous[j] + 1, current[j - 1] + 1});
      const bool swapped = i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1];
      if (swapped) current[j] = std::min(current[j], before_previous[j - 2] + 1);
    }
    before_previous = previous;
    std::swap(previous, current);
  }
  return previous[b.size()];
}

}  // namespace

std::optional<std::string_view> nearest(std::string_view name, std::span<const std::string_view> candidates) {
  if (name.empty() || name.size() > kLongestName) return std::nullopt;
  constexpr std::size_t kLeastPrefix = 4;  // "--ou"
  const auto begins = [&](std::string_view candidate) {
    return name.size() >= kLeastPrefix && candidate.starts_with(name);
  };
  if (std::ranges::count_if(candidates, begins) == 1) return *std::ranges::find_if(candidates, begins);
  std::optional<std::string_view> best;
  std::size_t best_distance = 0;
  for (const std::string_view candidate : candidates) {
    if (candidate.empty() || candidate.size() > kLongestName) continue;
    const std::size_t distance = edit_distance(name, candidate);
    const std::size_t allowed = (std::max(name.size(), candidate.size()) + 2) / 3;
    // A name with every letter wrong is not a misspelling, however short it is.
    if (distance > allowed || distance >= std::max(name.size(), candidate.size())) continue;
    if (best && distance >= best_distance) continue;
    best = candidate;
    best_distance = distance;
  }
  return best;
}

std::string did_you_mean(std::string_view name, std::span<const std::string_view> candidates) {
  const auto candidate = nearest(name, candidates);
  return candidate ? fmt::format("; did you mean '{}'?", *candidate) : "";
}

}  // namespace sluice
