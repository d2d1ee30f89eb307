#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::docs {

/// The text between ``` and ``` in a Markdown page, or in a comment of it that begins with "<!-- cpp": such code is
/// part of the page's program but not shown.
struct Block {
  std::string language;  ///< the words after ```: "cpp", "cpp global", "text", "text picture", or others
  std::string text;
  int line = 0;     ///< of the page: where the text begins
  int section = 0;  ///< the number of headings "## " before it
};

/// Throws Error if the file cannot be read or a block does not end.
std::vector<Block> read_page(const std::filesystem::path& file);

/// Returns the C++ program of a page called `name`: its blocks "cpp global" one after the other, then main() with the
/// blocks "cpp". With `own_scopes`, declarations in one section are unknown to the others, but those before the first
/// heading are visible to all.
std::string page_program(const std::vector<Block>& blocks, std::string_view name, bool own_scopes);

/// Compares a program's output with what its page shows, its blocks "text" one after the other. A line "..." in the
/// page matches any lines, as does a whole block "text picture", or a page without any "text". Runs of spaces are
/// equal. With a tolerance above 0, numbers with a decimal point may differ by it, and whole ones (a lone "." is one)
/// by anything, except for the line in "page.md:12". Returns an empty string if all is well, or the line of the page
/// that is wrong and what was printed instead.
std::string output_difference(const std::vector<Block>& blocks, std::string_view printed, double tolerance);

}  // namespace sluice::docs
