#pragma once

#include <cstdint>

namespace sluice {

/// How text may look where it is read.
enum class TextStyle : std::uint8_t {
  kPlain,  ///< ASCII, for files, pipes and terminals without colors
  kColor,  ///< UTF-8 with the 256 colors of xterm
};

/// Whether the file `descriptor` is a terminal that can go back in its line: $TERM is not "dumb".
bool is_terminal(int descriptor);

/// kColor if it is one and $NO_COLOR is not set (https://no-color.org).
TextStyle style_of_terminal(int descriptor);

/// How many characters fit into a line: $COLUMNS, else what the terminal says, else 80.
int columns_of_terminal(int descriptor);

}  // namespace sluice
