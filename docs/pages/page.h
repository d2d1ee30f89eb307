#pragma once

#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace sluice::docs {

/// What stands between ``` and ``` in a page of Markdown, or in a comment of it that begins with "<!-- cpp": such code
/// is part of the page's program but not shown.
struct Block {
  std::string language;  ///< the words after ```: "cpp", "cpp global", "text", "text picture", or others
  std::string text;
  int line = 0;     ///< of the page: where the text begins
  int section = 0;  ///< how many headings "## " stand before it
};

/// Throws Error if the file cannot be read or a block does not end.
std::vector<Block> read_page(const std::filesystem::path& file);

/// The C++ program of a page called `name`: its blocks "cpp global" one after the other, then main() with the blocks
/// "cpp" in theirs. With `own_scopes` what a section declares is unknown to the others, but what stands before the
/// first heading is known to all.
std::string page_program(const std::vector<Block>& blocks, std::string_view name, bool own_scopes);

/// Holds what a program printed against what its page shows, its blocks "text" one after the other. A line "..." of
/// the page stands for any lines, and so does a whole block "text picture", or a page without any "text". Spaces may
/// differ in number. With a tolerance above 0, numbers with a decimal point may differ by it, and whole ones (a lone
/// "." is one) by anything, except for the line in "page.md:12". Empty if all is well; else the line of the page that
/// is wrong, and what came in its place.
std::string output_difference(const std::vector<Block>& blocks, std::string_view printed, double tolerance);

}  // namespace sluice::docs
