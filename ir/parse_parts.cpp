#include "ir/parse_parts.h"

#include <limits>
#include <type_traits>

#include "ir/literals.h"

namespace sluice::ir {

namespace {

std::vector<std::int64_t> read_integers(Lexer& lexer) {
  lexer.expect_symbol('[', "to begin a list of integers");
  std::vector<std::int64_t> list;
  lexer.read_list(']', "an integer", [&] { list.push_back(read_integer(lexer)); });
  return list;
}

bool read_flag(Lexer& lexer) {
  const Token token = lexer.take();
  if (!token.is(TokenKind::kName, "true") && !token.is(TokenKind::kName, "false")) {
    lexer.fail_at(token, fmt::format("expected true or false, got {}", describe(token)));
  }
  return token.text == "true";
}

/// Parses "=[0,10)", after the word.
Range read_range(Lexer& lexer) {
  lexer.expect_symbol('=', "after 'range'");
  const Token opening = lexer.expect_symbol('[', "to begin a range as in [0,256)");
  Range range;
  range.low = read_double(lexer);
  lexer.expect_symbol(',', "between the ends of a range");
  range.high = read_double(lexer);
  lexer.expect_symbol(')', "to end a range as in [0,256)");
  if (!(range.low < range.high)) {
    lexer.fail_at(opening, fmt::format("the range [{},{}) is empty", literal(range.low), literal(range.high)));
  }
  return range;
}

}  // namespace

AttrValue read_attribute(Lexer& lexer, Attr key, const Type& type) {
  const auto read = [&]<typename T>(const T*) -> AttrValue {
    if constexpr (std::is_same_v<T, std::int64_t>) return read_integer(lexer);
    if constexpr (std::is_same_v<T, bool>) return read_flag(lexer);
    if constexpr (std::is_same_v<T, DType>) return read_dtype(lexer);
    if constexpr (std::is_same_v<T, std::vector<std::int64_t>>) return read_integers(lexer);
    if constexpr (std::is_same_v<T, Shape>) return read_shape(lexer);
    if constexpr (std::is_same_v<T, Dim>) return read_dim(lexer);
    if constexpr (std::is_same_v<T, Array>) {
      if (key != Attr::kValue) return read_array(lexer, {DType::kF64, {}});
      if (!type.shape.is_static()) {
        lexer.fail_at(lexer.peek(), fmt::format("a constant has a static shape, got {}", to_string(type)));
      }
      return read_array(lexer, type);
    }
    SLUICE_UNREACHABLE("attribute {} has no value in a list", to_string(key));
  };
  switch (key) {
#define ATTRIBUTE(enumerator, name, type) \
  case Attr::enumerator:                  \
    return read(static_cast<const type*>(nullptr));
#include "sluice/ir/attributes.def"
#undef ATTRIBUTE
  }
  SLUICE_UNREACHABLE("attribute {}", static_cast<int>(key));
}

std::optional<Range> read_parameter_hints(Lexer& lexer) {
  if (!lexer.take_symbol('{')) return std::nullopt;
  const Token word = lexer.take();
  if (!word.is(TokenKind::kName, "range")) {
    lexer.fail_at(word, fmt::format("expected range, the one attribute of an input, got {}", describe(word)));
  }
  const Range range = read_range(lexer);
  lexer.expect_symbol('}', "after the range");
  return range;
}

Hints read_state_hints(Lexer& lexer, DType dtype) {
  Hints hints;
  if (!lexer.take_symbol('{')) return hints;
  do {
    const Token word = lexer.take();
    const bool is_range = word.is(TokenKind::kName, "range");
    if (!is_range && !word.is(TokenKind::kName, "init")) {
      lexer.fail_at(word, fmt::format("expected range or init, the attributes of a state, got {}", describe(word)));
    }
    if (is_range ? hints.range.has_value() : hints.init.has_value()) {
      lexer.fail_at(word, fmt::format("{} is given twice", describe(word)));
    }
    if (is_range) {
      hints.range = read_range(lexer);
    } else {
      lexer.expect_symbol('=', "after 'init'");
      hints.init = read_array(lexer, {dtype, {}});
    }
  } while (lexer.take_symbol(','));
  lexer.expect_symbol('}', "or ',' after an attribute of a state");
  return hints;
}

Location read_place(Lexer& lexer) {
  const Token file = lexer.expect(TokenKind::kString, "a place as in \"model.cpp\":12");
  const std::string name = lexer.unquoted(file);
  if (name.empty()) lexer.fail_at(file, "expected the name of a file, got an empty string");
  lexer.expect_symbol(':', "and a line after a file");
  const Token number = lexer.peek();
  const std::int64_t line = read_integer(lexer);
  if (line < 1 || line > std::numeric_limits<std::uint32_t>::max()) {
    lexer.fail_at(number, fmt::format("expected a line from 1, got {}", describe(number)));
  }
  return {intern_file(name), static_cast<std::uint32_t>(line), 0};
}

}  // namespace sluice::ir
