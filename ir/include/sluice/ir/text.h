#pragma once

#include <string>
#include <string_view>

#include "sluice/ir/graph.h"

namespace sluice::ir {

/// The number in the first line of a text, `sluice-ir 1`. It grows when old texts would be read differently.
inline constexpr int kTextVersion = 1;

struct PrintOptions {
  /// After each node and input, the users' lines that it comes from: `loc("model.cpp":12)`, `loc("a.cpp":3, gradient
  /// "b.cpp":9)` for a merged node that is also part of the derivative of the code in b.cpp, `loc()` if they are
  /// unknown. `parse` reads them back.
  bool locations = false;
  /// The values that tools may generate for inputs: the `range` and `init` of the header. They do not affect
  /// compilation.
  bool hints = true;
};

/// Returns the graph as text. print(parse(t)) == t for every t returned by print with the same options.
std::string print(const Graph& graph, const PrintOptions& options = {});

/// Parses one graph. `file` names the text in errors, which are at file:line:column and show the line with a caret.
/// Throws Error.
Graph parse(std::string_view text, std::string_view file = "<text>");

/// Returns `text` after the UTF-8 byte order mark that some editors put at the start of a file.
std::string_view without_byte_order_mark(std::string_view text);

/// Returns the line of `text` that an error is about and a caret below its column, each on a new line. Of a long line,
/// returns the part around the column. Empty if there is no such position.
std::string line_with_caret(std::string_view text, const Location& place);

}  // namespace sluice::ir
