#pragma once

#include <fmt/core.h>

#include <ostream>
#include <string_view>

// Printing of Sluice's types through {fmt} and <<, both by their to_string.
namespace sluice {

/// The base of a formatter of T.
template <typename T>
struct ByToString {
  constexpr auto parse(fmt::format_parse_context& context) { return text.parse(context); }
  auto format(const T& value, fmt::format_context& context) const { return text.format(to_string(value), context); }

  fmt::formatter<std::string_view> text;  ///< no base: as a string it would be quoted in a range
};

/// The types that << prints by to_string. Not all that have such a formatter: querying the formatter of a foreign type
/// would instantiate it before fmt/ranges.h is included.
template <typename T>
inline constexpr bool prints_by_to_string = false;

template <typename T>
  requires prints_by_to_string<T>
std::ostream& operator<<(std::ostream& out, const T& value) {
  return out << to_string(value);
}

}  // namespace sluice
