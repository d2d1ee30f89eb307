#pragma once

#include <string>
#include <string_view>

#include "ir/graph.h"

namespace sluice::ir {

/// The number in the first line of a text, `sluice-ir 1`. It grows when old texts would be read differently.
inline constexpr int kTextVersion = 1;

struct PrintOptions {
  /// End each line with the user's line that made the node, as a comment: "// model.cpp:12", or "// gradient of
  /// model.cpp:12" for a node of the derivative of what stands there.
  bool locations = false;
};

/// The graph as text. print(parse(t)) == t for every t that print gave.
std::string print(const Graph& graph, const PrintOptions& options = {});

/// Reads one graph. `file` names the text in errors, which stand at file:line:column and show the line with a caret.
/// Throws Error.
Graph parse(std::string_view text, std::string_view file = "<text>");

}  // namespace sluice::ir
