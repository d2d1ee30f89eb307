#pragma once

#include <string>
#include <string_view>

#include "sluice/ir/graph.h"

namespace sluice::ir {

/// The number in the first line of a text, `sluice-ir 1`. It grows when old texts would be read differently.
inline constexpr int kTextVersion = 1;

struct PrintOptions {
  /// Behind each node and input, the users' lines that it comes from: `loc("model.cpp":12)`, `loc("a.cpp":3, gradient
  /// "b.cpp":9)` for a merged node that is also part of the derivative of what stands in b.cpp, `loc()` where they are
  /// not known. `parse` reads them back.
  bool locations = false;
  /// What tools may put in for inputs, the `range` and `init` of the header. They are no part of what is compiled.
  bool hints = true;
};

/// The graph as text. print(parse(t)) == t for every t that print gave, with the same options.
std::string print(const Graph& graph, const PrintOptions& options = {});

/// Reads one graph. `file` names the text in errors, which stand at file:line:column and show the line with a caret.
/// Throws Error.
Graph parse(std::string_view text, std::string_view file = "<text>");

/// Returns `text` behind the UTF-8 byte order mark with which some editors begin a file.
std::string_view without_byte_order_mark(std::string_view text);

/// The line of `text` that an error is about and a caret below its column, each on a new line. Of a long line, what
/// stands around the column. Empty if there is no such place.
std::string line_with_caret(std::string_view text, const Location& place);

}  // namespace sluice::ir
