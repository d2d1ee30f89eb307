#include "sluice/printable.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>

namespace sluice {

namespace {

/// The first code point of a text and its size in bytes; {kNone, 1} for a byte that does not start one.
struct CodePoint {
  std::uint32_t value;
  std::size_t size;
};
constexpr std::uint32_t kNone = 0xffffffff;

CodePoint first_code_point(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  if (lead < 0x80) return {lead, 1};
  const std::size_t size = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  if (lead < 0xc2 || lead > 0xf4 || text.size() < size) return {kNone, 1};
  std::uint32_t value = lead & (0xffU >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte & 0xc0) != 0x80) return {kNone, 1};
    value = value << 6 | (byte & 0x3f);
  }
  constexpr std::uint32_t kSmallest[] = {0, 0, 0x80, 0x800, 0x10000};  // by size: longer forms are not UTF-8
  const bool surrogate = value >= 0xd800 && value <= 0xdfff;
  if (value < kSmallest[size] || value > 0x10ffff || surrogate) return {kNone, 1};
  return {value, size};
}

/// Returns whether a terminal or browser acts on `c` instead of drawing it.
bool is_obeyed(std::uint32_t c) {
  struct Range {
    std::uint32_t first;
    std::uint32_t last;
  };
  constexpr Range kObeyed[] = {{0x00, 0x1f},       {0x7f, 0x9f},                        // C0, DEL, C1
                               {0x61c, 0x61c},     {0x200e, 0x200f}, {0x202a, 0x202e},  // order of writing
                               {0x2066, 0x2069},   {0x2028, 0x2029},  // isolates; ends of lines and paragraphs
                               {0x200b, 0x200b},   {0xfeff, 0xfeff}, {0xfff9, 0xfffb},  // without width; annotations
                               {0xe0000, 0xe007f}, {kNone, kNone}};
  return std::ranges::any_of(kObeyed, [c](const Range& range) { return c >= range.first && c <= range.last; });
}

std::string escaped(std::string_view text, bool keep_line_feeds) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const auto [value, size] = first_code_point(text);
    const std::string_view bytes = text.substr(0, size);
    text.remove_prefix(size);
    if (!is_obeyed(value) || (value == '\n' && keep_line_feeds)) {
      out += bytes;
    } else if (value == '\n') {
      out += "\\n";
    } else if (value == '\t') {
      out += "\\t";
    } else {
      for (const char byte : bytes) out += fmt::format("\\x{:02x}", static_cast<unsigned char>(byte));
    }
  }
  return out;
}

}  // namespace

std::string printable(std::string_view text) { return escaped(text, false); }

std::string printable_lines(std::string_view text) { return escaped(text, true); }

std::string with_short_lines(std::string_view text, std::size_t longest) {
  std::string out;
  while (true) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    const std::string_view line = text.substr(0, end);
    if (line.size() <= longest) {
      out += line;
    } else {
      const std::size_t last = longest / 3;
      out += line.substr(0, longest - last);
      out += fmt::format(" ... ({} bytes) ... ", line.size() - longest);
      out += line.substr(line.size() - last);
    }
    if (end == text.size()) return out;
    out += '\n';
    text.remove_prefix(end + 1);
  }
}

std::size_t code_points(std::string_view text) {
  std::size_t count = 0;
  for (; !text.empty(); ++count) text.remove_prefix(first_code_point(text).size);
  return count;
}

std::string file_name_for(std::string_view name) {
  constexpr std::size_t kLongest = 120;  // file systems take 255 bytes; users put a number and an ending around it
  std::string file = printable(name.substr(0, kLongest));
  std::ranges::replace_if(
      file, [](char c) { return c == '/' || c == '\\'; }, '_');
  file = file.substr(0, kLongest);
  if (file.empty() || file.front() == '.') file.insert(0, 1, '_');
  return file;
}

}  // namespace sluice
