#include "docs/pages/page.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <cmath>
#include <fstream>
#include <sstream>
#include <string>

#include "sluice/error.h"

namespace sluice::docs {

namespace {

struct Line {
  std::string text;
  int number = 0;
};

/// Returns the words of a line, with numbers separated from the text around them: "loss: 0.5," is "loss:", "0.5", ",".
std::vector<std::string> words_of(std::string_view line) {
  const auto is_digit = [](char c) { return std::isdigit(static_cast<unsigned char>(c)) != 0; };
  const auto is_space = [](char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; };
  std::vector<std::string> words;
  for (std::size_t i = 0; i < line.size();) {
    const std::size_t begin = i;
    if (is_space(line[i])) {
      ++i;
      continue;
    }
    if (is_digit(line[i])) {
      while (i < line.size() && (is_digit(line[i]) || (line[i] == '.' && i + 1 < line.size() && is_digit(line[i + 1]))))
        ++i;
    } else {
      while (i < line.size() && !is_space(line[i]) && !is_digit(line[i])) ++i;
    }
    words.emplace_back(line.substr(begin, i - begin));
  }
  return words;
}

/// Returns whether both are numbers within the tolerance.
bool near(const std::string& shown, const std::string& printed, double tolerance) {
  constexpr std::string_view kZero = ".";  // in tables
  const auto is_number = [&](const std::string& word) {
    return word == kZero || std::isdigit(static_cast<unsigned char>(word[0])) != 0;
  };
  const auto is_whole = [&](const std::string& word) { return word == kZero || word.find('.') == word.npos; };
  if (tolerance <= 0 || !is_number(shown) || !is_number(printed)) return false;
  if (is_whole(shown) && is_whole(printed)) return true;
  if (is_whole(shown) || is_whole(printed)) return false;
  return std::abs(std::stod(shown) - std::stod(printed)) <= tolerance;
}

bool same_line(const std::string& shown, const std::string& printed, double tolerance) {
  const std::vector<std::string> a = words_of(shown);
  const std::vector<std::string> b = words_of(printed);
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const bool place = i > 0 && a[i - 1].ends_with(".md:");  // a line number of the page, which must be up to date
    if (a[i] != b[i] && (place || !near(a[i], b[i], tolerance))) return false;
  }
  return true;
}

std::vector<Line> lines_of(std::string_view text, int first) {
  std::vector<Line> lines;
  std::istringstream stream{std::string(text)};
  for (std::string line; std::getline(stream, line); ++first) lines.push_back({line, first});
  return lines;
}

}  // namespace

std::vector<Block> read_page(const std::filesystem::path& file) {
  std::ifstream stream(file);
  if (!stream) fail("{}: cannot be read", file.string());
  constexpr std::string_view kFence = "```";
  constexpr std::string_view kHidden = "<!-- cpp";
  std::vector<Block> blocks;
  std::string_view end;  // of the block that contains this line; empty: none
  int section = 0;
  int number = 0;
  for (std::string line; std::getline(stream, line);) {
    ++number;
    const bool fence = line.starts_with(kFence);
    if (!end.empty()) {
      if (line == end) {
        end = {};
      } else {
        blocks.back().text += line + "\n";
      }
    } else if (fence || line.starts_with(kHidden)) {
      end = fence ? kFence : "-->";
      const std::size_t language = fence ? kFence.size() : kHidden.size() - 3;
      blocks.push_back({line.substr(language), "", number + 1, section});
    } else if (line.starts_with("## ")) {
      ++section;
    }
  }
  if (!end.empty()) fail("{}:{}: the block that begins here does not end", file.string(), blocks.back().line - 1);
  return blocks;
}

std::string page_program(const std::vector<Block>& blocks, std::string_view name, bool own_scopes) {
  std::string program = fmt::format("// The C++ code of {}.\n", name);
  const auto add = [&](const Block& block) {
    program += fmt::format("#line {} \"{}\"\n{}", block.line, name, block.text);
  };
  program += "#include <fmt/format.h>\n\n#include <cstdio>\n#include <exception>\n";
  for (const Block& block : blocks)
    if (block.language == "cpp global") add(block);
  program += "int main() try {\n";
  int open = 0;  // the section whose scope is open; 0: none
  for (const Block& block : blocks) {
    if (block.language != "cpp") continue;
    if (own_scopes && block.section != open) {
      program += open == 0 ? "{\n" : "}\n{\n";
      open = block.section;
    }
    add(block);
  }
  if (open != 0) program += "}\n";
  program +=
      "} catch (const std::exception& error) {\n"
      "  fmt::print(stderr, \"{}\\n\", error.what());\n"
      "  return 1;\n"
      "}\n";
  return program;
}

std::string output_difference(const std::vector<Block>& blocks, std::string_view printed, double tolerance) {
  const std::vector<Line> actual = lines_of(printed, 1);
  // The numbers of printed lines that the page so far may match, ascending: several after a gap.
  std::vector<std::size_t> ends{0};
  const auto open_gap = [&] {
    const std::size_t first = ends.front();
    ends.clear();
    for (std::size_t i = first; i <= actual.size(); ++i) ends.push_back(i);
  };
  const bool compared = std::ranges::any_of(blocks, [](const Block& block) { return block.language == "text"; });
  if (!compared) open_gap();
  for (const Block& block : blocks) {
    if (block.language == "text picture") open_gap();
    if (block.language != "text") continue;
    for (const Line& shown : lines_of(block.text, block.line)) {
      if (shown.text == "...") {
        open_gap();
        continue;
      }
      std::vector<std::size_t> longer;
      for (const std::size_t end : ends)
        if (end < actual.size() && same_line(shown.text, actual[end].text, tolerance)) longer.push_back(end + 1);
      if (longer.empty()) {
        return fmt::format("line {}: expected \"{}\", got \"{}\"", shown.number, shown.text,
                           ends.front() < actual.size() ? actual[ends.front()].text : "the end");
      }
      ends = std::move(longer);
    }
  }
  if (ends.back() == actual.size()) return "";
  return fmt::format("the page ends, but the program printed \"{}\"", actual[ends.back()].text);
}

}  // namespace sluice::docs
