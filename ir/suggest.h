#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sluice {

/// Returns the candidate that `name` probably misspells: the only one that starts with it, if it has at least four
/// letters; otherwise the one with the fewest edits (insert, delete, replace a letter, swap two neighbors), where ties
/// go to the first; nothing if even that differs in more than a third of its letters.
std::optional<std::string_view> nearest(std::string_view name, std::span<const std::string_view> candidates);

/// Returns "; did you mean 'x'?" as the end of a message about an unknown name, or "" if no candidate is close.
std::string did_you_mean(std::string_view name, std::span<const std::string_view> candidates);

}  // namespace sluice
