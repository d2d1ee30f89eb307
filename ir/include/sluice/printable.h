#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace sluice {

/// Returns `text` as it can be shown on one line of a terminal, a message or a page, whoever wrote it: control
/// characters (C0, DEL, C1), marks that reorder or hide text (U+202E and its kind) and bytes that are not UTF-8 become
/// \n, \t and \xNN, one for each byte, as in a quoted name of the text form.
std::string printable(std::string_view text);

/// The same for a text of several lines: line feeds stay.
std::string printable_lines(std::string_view text);

/// Prints formatted text to standard output as fmt::print does, by way of printable_lines().
template <typename... Args>
void print_text(fmt::format_string<Args...> format, Args&&... args) {
  fmt::print("{}", printable_lines(fmt::format(format, std::forward<Args>(args)...)));
}

/// Returns `text` with each line of more than `longest` bytes cut in its middle.
std::string with_short_lines(std::string_view text, std::size_t longest);

/// Returns how many code points `text` has; a byte that is not UTF-8 counts as one.
std::size_t code_points(std::string_view text);

/// Returns the name of a file for something called `name`, which may come from anybody: one path component, printable,
/// not hidden and short enough for every file system. Different names may get the same file name.
std::string file_name_for(std::string_view name);

}  // namespace sluice
