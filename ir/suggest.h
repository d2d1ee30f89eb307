#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace sluice {

/// The candidate that `name` is probably a misspelling of: the one that it is the beginning of, if it has four letters
/// and there is just one; else the one with the fewest edits (insert, delete, replace a letter, swap two neighbours),
/// the first of equals; none if even that differs in more than a third of its letters.
std::optional<std::string_view> nearest(std::string_view name, std::span<const std::string_view> candidates);

/// "; did you mean 'x'?" to end a message about an unknown name with, or "" where no candidate is near.
std::string did_you_mean(std::string_view name, std::span<const std::string_view> candidates);

}  // namespace sluice
