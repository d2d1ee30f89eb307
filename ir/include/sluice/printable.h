#pragma once

#include <fmt/format.h>

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>

namespace sluice {

/// Returns `text` in a form that can be shown on one line of a terminal, a message or a page, whoever wrote it: control
/// characters (C0, DEL, C1), marks that reorder or hide text (U+202E and the like) and bytes that are not UTF-8 become
/// \n, \t and \xNN, one for each byte, as in a quoted name of the text form.
std::string printable(std::string_view text);

/// The same for a text of several lines: line feeds are kept.
std::string printable_lines(std::string_view text);

/// Prints formatted text to standard output like fmt::print, through printable_lines().
template <typename... Args>
void print_text(fmt::format_string<Args...> format, Args&&... args) {
  fmt::print("{}", printable_lines(fmt::format(format, std::forward<Args>(args)...)));
}

/// Returns `text` with each line of more than `longest` bytes shortened in the middle.
std::string with_short_lines(std::string_view text, std::size_t longest);

/// Returns how many code points `text` has; a byte that is not UTF-8 counts as one.
std::size_t code_points(std::string_view text);

/// Returns a file name for something called `name`, which is untrusted: one path component, printable, not hidden and
/// short enough for every file system. Different names may map to the same file name.
std::string file_name_for(std::string_view name);

}  // namespace sluice
