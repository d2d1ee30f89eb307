#pragma once

#include <string_view>
#include <vector>

namespace sluice::test {

/// A graph as text and whether a rewrite rule fires on it.
struct RewriteCase {
  std::string_view rule;
  bool fires;
  std::string_view inputs;  ///< as in the header: "%x: f32[4]"
  std::string_view body;    ///< the nodes
  std::string_view result;
};

/// For each rule one case at least where it fires and one where it must not.
std::vector<RewriteCase> arithmetic_cases();
std::vector<RewriteCase> logic_cases();
std::vector<RewriteCase> shape_cases();
std::vector<RewriteCase> structure_cases();

}  // namespace sluice::test
