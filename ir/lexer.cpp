#include "ir/lexer.h"

#include <algorithm>

#include "sluice/ir/text.h"
#include "sluice/printable.h"

namespace sluice::ir {

namespace {

constexpr std::string_view kSymbols = "()[]{},:=*+";
constexpr std::size_t kShownColumns = 120;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_word(char c) { return is_letter(c) || is_digit(c) || c == '.'; }

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string describe(const Token& token) {
  if (token.kind == TokenKind::kEnd) return "the end of the text";
  constexpr std::size_t kLongest = 40;  // errors must be readable: a long string or number is shortened
  if (token.text.size() <= kLongest) return fmt::format("'{}'", token.text);
  return fmt::format("'{}...'", token.text.substr(0, kLongest));
}

std::string quote(std::string_view text) {
  std::string quoted;
  for (const char c : text) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  return '"' + printable(quoted) + '"';
}

bool is_plain_name(std::string_view name) {
  if (name.empty() || !is_letter(name.front())) return false;
  return std::all_of(name.begin(), name.end(), is_word);
}

std::string_view without_byte_order_mark(std::string_view text) {
  constexpr std::string_view kMark = "\xEF\xBB\xBF";
  return text.starts_with(kMark) ? text.substr(kMark.size()) : text;
}

std::string line_with_caret(std::string_view text, const Location& place) {
  if (place.line == 0 || place.column == 0) return "";
  text = without_byte_order_mark(text);
  for (std::uint32_t line = 1; line < place.line; ++line) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return "";
    text.remove_prefix(end + 1);
  }
  std::string_view line = text.substr(0, text.find('\n'));
  std::size_t column = place.column - 1;
  if (column > line.size()) return "";
  if (line.size() > kShownColumns) {  // a large constant: show the part around the column
    const std::size_t cut = column > kShownColumns / 2 ? column - kShownColumns / 2 : 0;
    line = line.substr(cut, kShownColumns);
    column -= cut;
  }
  const std::string before = printable(line.substr(0, column));
  return fmt::format("\n{}{}\n{}^", before, printable(line.substr(column)), std::string(code_points(before), ' '));
}

Lexer::Lexer(std::string_view text, std::string_view file) : text_(text), file_(intern_file(file)) {
  line_starts_.push_back(0);
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\n') line_starts_.push_back(i + 1);
  }
  next_ = scan();
}

bool Lexer::followed_by(char symbol) const {
  const std::size_t place = skip_space(position_);
  return place < text_.size() && text_[place] == symbol;
}

Token Lexer::take() {
  const Token taken = next_;
  if (taken.kind != TokenKind::kEnd) next_ = scan();
  return taken;
}

bool Lexer::take_symbol(char symbol) {
  if (!next_.is(TokenKind::kSymbol, {&symbol, 1})) return false;
  take();
  return true;
}

Token Lexer::expect_symbol(char symbol, std::string_view where) {
  if (!next_.is(TokenKind::kSymbol, {&symbol, 1})) {
    fail_at(next_, fmt::format("expected '{}' {}, got {}", symbol, where, describe(next_)));
  }
  return take();
}

Token Lexer::expect(TokenKind kind, std::string_view what) {
  if (next_.kind != kind) fail_at(next_, fmt::format("expected {}, got {}", what, describe(next_)));
  return take();
}

std::string Lexer::unquoted(const Token& token) const {
  std::string_view text = token.text;
  if (token.kind != TokenKind::kString) text.remove_prefix(1);  // the sign
  if (text.empty() || text.front() != '"') return std::string(text);
  std::string decoded;
  for (std::size_t i = 1; i + 1 < text.size(); ++i) {
    if (text[i] != '\\') {
      decoded += text[i];
      continue;
    }
    const char escaped = text[++i];
    if (escaped == 'n') {
      decoded += '\n';
    } else if (escaped == 't') {
      decoded += '\t';
    } else if (escaped == 'x') {
      decoded += static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]));
      i += 2;
    } else {
      decoded += escaped;
    }
  }
  return decoded;
}

Location Lexer::location(std::size_t offset) const {
  const auto line = std::upper_bound(line_starts_.begin(), line_starts_.end(), offset) - 1;
  return {file_, static_cast<std::uint32_t>(line - line_starts_.begin() + 1),
          static_cast<std::uint32_t>(offset - *line + 1)};
}

std::size_t Lexer::offset(const Location& location) const {
  if (location.line == 0 || location.line > line_starts_.size() || location.column == 0) return 0;
  return line_starts_[location.line - 1] + location.column - 1;
}

void Lexer::fail_at(std::size_t offset, const std::string& what) const {
  const Location place = location(offset);
  throw Error(what + line_with_caret(text_, place), place);
}

/// Returns the first position at or after `from` where a token may start.
std::size_t Lexer::skip_space(std::size_t from) const {
  while (from < text_.size()) {
    const char c = text_[from];
    if (c == ' ' || c == '\t' || c == '\n' || c == '\r') {
      ++from;
    } else if (text_.substr(from, 2) == "//") {
      from = std::min(text_.find('\n', from), text_.size());
    } else {
      break;
    }
  }
  return from;
}

/// Returns the end of the quoted name or string that starts at `begin`; checks its escapes.
std::size_t Lexer::scan_quoted(std::size_t begin) const {
  std::size_t i = begin + 1;
  while (i < text_.size() && text_[i] != '"' && text_[i] != '\n') {
    if (text_[i] != '\\') {
      ++i;
      continue;
    }
    const std::string_view escape = text_.substr(i + 1, 3);
    const bool hex = escape.size() == 3 && escape[0] == 'x' && hex_digit(escape[1]) >= 0 && hex_digit(escape[2]) >= 0;
    if (!hex && (escape.empty() || std::string_view("\"\\nt").find(escape[0]) == std::string_view::npos)) {
      fail_at(i, R"(unknown escape: expected \", \\, \n, \t or \x and two hexadecimal digits)");
    }
    i += hex ? 4 : 2;
  }
  if (i >= text_.size() || text_[i] != '"') fail_at(begin, "the string does not end on its line");
  return i + 1;
}

Token Lexer::scan() {
  const std::size_t begin = skip_space(position_);
  if (begin == text_.size()) return {TokenKind::kEnd, {}, begin};
  const auto token = [&](TokenKind kind, std::size_t end) {
    position_ = end;
    return Token{kind, text_.substr(begin, end - begin), begin};
  };
  const auto end_of = [&](std::size_t from, auto belongs) {
    while (from < text_.size() && belongs(text_[from])) ++from;
    return from;
  };
  const char c = text_[begin];
  if (kSymbols.find(c) != std::string_view::npos) return token(TokenKind::kSymbol, begin + 1);
  if (is_letter(c)) {
    // The one word with a hyphen. After any other word, it is a minus sign, as in T-1.
    const bool hyphen = text_.substr(begin).starts_with("sluice-");
    return token(TokenKind::kName, end_of(begin, [&](char d) { return is_word(d) || (hyphen && d == '-'); }));
  }
  if (c == '"') return token(TokenKind::kString, scan_quoted(begin));
  if (c == '%' || c == '@') {
    const TokenKind kind = c == '%' ? TokenKind::kValue : TokenKind::kGraph;
    if (begin + 1 < text_.size() && text_[begin + 1] == '"') return token(kind, scan_quoted(begin + 1));
    const std::size_t end = end_of(begin + 1, is_word);
    if (end == begin + 1) fail_at(begin, fmt::format("expected a name after '{}'", c));
    return token(kind, end);
  }
  if (is_digit(c) || c == '-') {
    std::size_t end = begin + 1;
    const auto exponent_sign = [&] {
      return (text_[end] == '-' || text_[end] == '+') && (text_[end - 1] == 'e' || text_[end - 1] == 'E');
    };
    while (end < text_.size() && (is_word(text_[end]) || exponent_sign())) ++end;
    return token(TokenKind::kNumber, end);
  }
  if (static_cast<unsigned char>(c) >= 0x80 || printable({&c, 1}).size() > 1) {
    fail_at(begin, fmt::format("unexpected byte 0x{:02x}", static_cast<unsigned char>(c)));
  }
  fail_at(begin, fmt::format("unexpected character '{}'", c));
}

}  // namespace sluice::ir
