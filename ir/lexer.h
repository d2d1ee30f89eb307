#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/error.h"

// The words of a graph's text. Private to the parser.
namespace sluice::ir {

enum class TokenKind : std::uint8_t {
  kEnd,
  kName,    ///< graph, matmul, f32, B, sluice-ir
  kNumber,  ///< 784, -0.5e+3, 0x7fc00001, -inf: whatever starts like a number, valid or not
  kString,  ///< "dense_0/w", with its quotes
  kValue,   ///< %x, %12, %"any name": with the sign and quotes
  kGraph,   ///< @train_step, @"any name": with the sign and quotes
  kSymbol,  ///< one of ( ) [ ] { } , : = * +
};

struct Token {
  TokenKind kind = TokenKind::kEnd;
  std::string_view text;
  std::size_t offset = 0;

  bool is(TokenKind wanted, std::string_view wanted_text) const { return kind == wanted && text == wanted_text; }
};

/// "'matmul'", or "the end of the text".
std::string describe(const Token& token);

/// Returns `text` in quotes, with escapes for quotes, backslashes and control characters.
std::string quote(std::string_view text);
/// Returns whether a name needs no quotes in the text: a letter or _, then letters, digits, _ and dots.
bool is_plain_name(std::string_view name);

/// Splits a text into tokens, one ahead. White space and comments (// to the end of the line) separate them.
class Lexer {
 public:
  /// Both must outlive the lexer. Throws Error if the text does not start with a token.
  Lexer(std::string_view text, std::string_view file);

  const Token& peek() const { return next_; }
  /// Returns whether the next token is followed by this symbol.
  bool followed_by(char symbol) const;
  /// Takes the next token. Throws Error if no token follows it.
  Token take();
  /// Takes the next token if it is this symbol.
  bool take_symbol(char symbol);
  /// Takes the next token, which must be this symbol; `where` describes its purpose in the error.
  Token expect_symbol(char symbol, std::string_view where);
  /// Takes the next token, which must be of this kind; `what` names it in the error.
  Token expect(TokenKind kind, std::string_view what);

  /// Calls `f` for each item of a comma-separated list, up to and including the closing symbol; `what` names an item.
  template <typename F>
  void read_list(char closing, std::string_view what, F f) {
    if (take_symbol(closing)) return;
    do {
      f();
    } while (take_symbol(','));
    expect_symbol(closing, fmt::format("or ',' after {}", what));
  }

  /// Returns the text between the quotes of a string token, or after the sign of a value or graph token.
  std::string unquoted(const Token& token) const;

  Location location(std::size_t offset) const;
  std::size_t offset(const Location& location) const;  ///< the inverse of location()
  /// Throws Error at this position, with its line of text and a caret below it.
  [[noreturn]] void fail_at(std::size_t offset, const std::string& what) const;
  [[noreturn]] void fail_at(const Token& token, const std::string& what) const { fail_at(token.offset, what); }

 private:
  std::size_t skip_space(std::size_t from) const;
  Token scan();
  std::size_t scan_quoted(std::size_t begin) const;

  std::string_view text_;
  std::string_view file_;
  std::vector<std::size_t> line_starts_;
  std::size_t position_ = 0;
  Token next_;
};

}  // namespace sluice::ir
