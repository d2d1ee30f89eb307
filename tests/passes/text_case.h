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
  std::vector<passes::Rule> rules;  ///< one, if the case tests a rule
  ir::PrintOptions options;
  bool is_error = false;
  bool must_change = true;
  std::string before;    ///< with the comments above it
  std::string expected;  ///< the graph

  /// Returns the graph, with locations in the file.
  ir::Graph graph() const;
  ir::Graph run(const ir::Graph& graph) const;
  /// Returns what the results must preserve: a rule's mark says it. Passes preserve every bit, but those that swap
  /// operands may pick the other of two NaNs, and expand_attention rounds otherwise.
  passes::Exactness exactness() const;
};

/// Returns `text` without trailing line ends.
std::string stripped(std::string text);

/// Throws Error for a malformed case.
std::vector<TextCase> cases_in(const std::filesystem::path& file);
/// Returns the files below `folder`, sorted by name.
std::set<std::filesystem::path> case_files(const std::filesystem::path& folder);

}  // namespace sluice::test
