#pragma once

#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "passes/rewrite.h"
#include "sluice/ir/graph.h"
#include "sluice/ir/text.h"

namespace sluice::test {

constexpr std::string_view kExpect = "\n// expect:";
constexpr std::string_view kExpectedError = "// expected-error: ";
constexpr std::string_view kNextCase = "\n// ----\n";

/// One of the cases in a file of tests/passes/cases.
struct TextCase {
  std::string file;
  std::size_t line = 1;  ///< of the file, where the case begins
  std::string text;
  std::vector<std::string> passes;
  std::vector<passes::Rule> rules;  ///< one, if the case is of a rule
  ir::PrintOptions options;
  bool is_error = false;
  bool must_change = true;
  std::string before;    ///< with the comments above it
  std::string expected;  ///< the graph

  /// The graph, with places that are those in the file.
  ir::Graph graph() const;
  ir::Graph run(const ir::Graph& graph) const;
  /// What the interpreter's results keep: rules say it by their mark. Passes keep every bit, but those that exchange
  /// operands may make another NaN of two.
  passes::Exactness exactness() const;
};

/// Without line ends at its end.
std::string stripped(std::string text);

/// Throws Error for a text that is no case.
std::vector<TextCase> cases_in(const std::filesystem::path& file);
/// The files below `folder`, in the order of their names.
std::set<std::filesystem::path> case_files(const std::filesystem::path& folder);

}  // namespace sluice::test
