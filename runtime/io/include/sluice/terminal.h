#pragma once

#include <cstdint>

namespace sluice {

/// The rendering of text for the place where it is read.
enum class TextStyle : std::uint8_t {
  kPlain,  ///< ASCII, for files, pipes and terminals without colors
  kColor,  ///< UTF-8 with the 256 colors of xterm
};

/// Returns whether the file `descriptor` is a terminal that can move back within a line: $TERM is not "dumb".
bool is_terminal(int descriptor);

/// Returns kColor for such a terminal if $NO_COLOR is not set (https://no-color.org).
TextStyle style_of_terminal(int descriptor);

/// Returns how many characters fit into a line: $COLUMNS, or else the terminal's width, or else 80.
int columns_of_terminal(int descriptor);

}  // namespace sluice
