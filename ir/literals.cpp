#include "ir/literals.h"

#include <charconv>
#include <cmath>
#include <iterator>
#include <limits>
#include <type_traits>

#include "ir/infer.h"
#include "ir/suggest.h"

namespace sluice::ir {

namespace {

template <typename T>
using Bits = std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>;

/// The bits of the NaN that `nan` denotes.
template <typename T>
constexpr Bits<T> kNan = sizeof(T) == 4 ? Bits<T>{0x7fc00000u} : static_cast<Bits<T>>(0x7ff8000000000000u);

template <typename T>
Bits<T> bits_of(const T& value) {
  Bits<T> bits;
  std::memcpy(&bits, &value, sizeof bits);
  return bits;
}

template <typename T>
void append_element(std::string& out, const T& value) {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(value)) {
      out += "nan";
      if (bits_of(value) != kNan<T>) {
        fmt::format_to(std::back_inserter(out), "(0x{:0{}x})", bits_of(value), 2 * sizeof(T));
      }
      return;
    }
  }
  fmt::format_to(std::back_inserter(out), "{}", value);
}

template <typename T>
void append_axis(std::string& out, std::span<const std::int64_t> sizes, std::span<const T> elements) {
  if (sizes.empty()) return append_element(out, elements[0]);
  const auto size = static_cast<std::size_t>(sizes[0]);
  const std::size_t stride = elements.size() / size;
  out += '[';
  for (std::size_t i = 0; i < size; ++i) {
    if (i > 0) out += ", ";
    append_axis(out, sizes.subspan(1), elements.subspan(i * stride, stride));
  }
  out += ']';
}

template <typename T>
T read_nan(Lexer& lexer) {
  Bits<T> bits = kNan<T>;
  if (lexer.take_symbol('(')) {
    const Token token = lexer.expect(TokenKind::kNumber, "the bits of a NaN");
    const char* const end = token.text.data() + token.text.size();
    const bool hex = token.text.starts_with("0x");
    const auto [rest, error] = std::from_chars(token.text.data() + (hex ? 2 : 0), end, bits, 16);
    T value;
    std::memcpy(&value, &bits, sizeof value);
    if (!hex || error != std::errc{} || rest != end || !std::isnan(value)) {
      lexer.fail_at(token, fmt::format("{} are not the bits of a NaN of {}", describe(token), to_string(dtype_of<T>)));
    }
    lexer.expect_symbol(')', "after the bits of a NaN");
  }
  T value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

/// Appends the bytes of one element to `out`, as bytes because a signaling NaN must not pass through arithmetic.
template <typename T>
void read_element(Lexer& lexer, std::vector<T>& out) {
  const Token token = lexer.take();
  if constexpr (std::is_floating_point_v<T>) {
    if (token.is(TokenKind::kName, "nan")) return out.push_back(read_nan<T>(lexer));
    if (token.is(TokenKind::kName, "inf")) return out.push_back(std::numeric_limits<T>::infinity());
    if (token.is(TokenKind::kNumber, "-inf")) return out.push_back(-std::numeric_limits<T>::infinity());
  }
  if (token.kind != TokenKind::kNumber) {
    lexer.fail_at(token, fmt::format("expected a number of {}, got {}", to_string(dtype_of<T>), describe(token)));
  }
  std::conditional_t<std::is_integral_v<T>, std::int64_t, T> value{};
  const char* const begin = token.text.data();
  const char* const end = begin + token.text.size();
  const auto [rest, error] = std::from_chars(begin, end, value);
  const bool letters = token.text.find_first_of("nN") != std::string_view::npos;  // from_chars accepts -nan
  const bool fits = static_cast<decltype(value)>(static_cast<T>(value)) == value;
  if (error == std::errc::invalid_argument || rest != end || letters) {
    lexer.fail_at(token, fmt::format("{} is not a number of {}", describe(token), to_string(dtype_of<T>)));
  }
  if (error != std::errc{} || !fits) {
    lexer.fail_at(token, fmt::format("{} does not fit {}", describe(token), to_string(dtype_of<T>)));
  }
  out.push_back(static_cast<T>(value));
}

/// A bool is stored in a byte, because std::vector<bool> has no elements to copy.
enum class BoolByte : std::uint8_t { kFalse, kTrue };

void read_element(Lexer& lexer, std::vector<BoolByte>& out) {
  const Token token = lexer.take();
  const bool value = token.is(TokenKind::kName, "true");
  if (!value && !token.is(TokenKind::kName, "false")) {
    lexer.fail_at(token, fmt::format("expected true or false, got {}", describe(token)));
  }
  out.push_back(value ? BoolByte::kTrue : BoolByte::kFalse);
}

template <typename T>
void read_axis(Lexer& lexer, std::span<const std::int64_t> sizes, std::vector<T>& out) {
  if (sizes.empty()) return read_element(lexer, out);
  lexer.expect_symbol('[', "to begin a list of elements");
  std::int64_t count = 0;
  if (!lexer.peek().is(TokenKind::kSymbol, "]")) {
    do {
      // Stops at the first list that is too long: the text may be much larger than the type.
      if (count == sizes[0]) lexer.fail_at(lexer.peek(), fmt::format("expected {} elements, got more", sizes[0]));
      read_axis(lexer, sizes.subspan(1), out);
      ++count;
    } while (lexer.take_symbol(','));
  }
  if (count != sizes[0] && lexer.peek().is(TokenKind::kSymbol, "]")) {
    lexer.fail_at(lexer.peek(), fmt::format("expected {} elements, got {}", sizes[0], count));
  }
  lexer.expect_symbol(']', "to end a list of elements");
}

/// Returns the symbol of this name, which `token` has after a sign or alone.
Dim read_symbol(Lexer& lexer, const Token& token, std::string_view name) {
  try {
    return length(name);
  } catch (const Error& error) {
    lexer.fail_at(token, error.message());
  }
}

/// Parses 3, B, 3*B, B*T, or one of these with a minus sign.
Dim read_term(Lexer& lexer) {
  const Token token = lexer.peek();
  Dim term;
  if (token.kind == TokenKind::kName) {
    term = read_symbol(lexer, lexer.take(), token.text);
  } else if (token.kind != TokenKind::kNumber) {
    lexer.fail_at(token, fmt::format("expected a size as in 3, B, 3*B or B*T-1, got {}", describe(token)));
  } else if (token.text.size() > 1 && token.text[0] == '-' && (token.text[1] < '0' || token.text[1] > '9')) {
    term = Dim(-1) * read_symbol(lexer, lexer.take(), token.text.substr(1));
  } else {
    term = read_integer(lexer);
  }
  while (lexer.take_symbol('*')) {
    const Token symbol = lexer.take();
    if (symbol.kind != TokenKind::kName)
      lexer.fail_at(symbol, fmt::format("expected a symbol such as B after '*', got {}", describe(symbol)));
    const Dim factor = read_symbol(lexer, symbol, symbol.text);
    term = term.size == 0 ? Dim(0, factor.batch) : term * factor;
  }
  return term;
}

}  // namespace

std::string literal(const Array& array) {
  if (array.element_count() == 0) return "[]";
  std::string out;
  visit_dtype(array.dtype(),
              [&](auto zero) { append_axis<decltype(zero)>(out, array.sizes(), array.data<decltype(zero)>()); });
  return out;
}

std::string literal(double value) {
  std::string out;
  append_element(out, value);
  return out;
}

Array read_array(Lexer& lexer, const Type& type) {
  const std::vector<std::int64_t> sizes = type.shape.at(1);
  if (type.shape.element_count() == Dim(0)) {
    lexer.expect_symbol('[', "of an array without elements");
    lexer.expect_symbol(']', "of an array without elements");
    return {type.dtype, sizes};
  }
  return visit_dtype(type.dtype, [&](auto zero) {
    using T = std::conditional_t<std::is_same_v<decltype(zero), bool>, BoolByte, decltype(zero)>;
    std::vector<T> elements;
    read_axis(lexer, sizes, elements);
    Array array(type.dtype, sizes);
    std::memcpy(array.bytes(), elements.data(), array.byte_count());
    return array;
  });
}

double read_double(Lexer& lexer) {
  std::vector<double> one;
  read_element(lexer, one);
  return one[0];
}

std::int64_t read_integer(Lexer& lexer) {
  std::vector<std::int64_t> one;
  read_element(lexer, one);
  return one[0];
}

Dim read_dim(Lexer& lexer) {
  const Token first = lexer.peek();
  try {
    Dim dim = read_term(lexer);
    while (true) {
      const bool minus = lexer.peek().kind == TokenKind::kNumber && lexer.peek().text[0] == '-';
      if (!minus && !lexer.take_symbol('+')) return dim;
      dim = dim + read_term(lexer);
    }
  } catch (const Error& error) {
    if (error.location().known()) throw;
    lexer.fail_at(first, error.message());
  }
}

Shape read_shape(Lexer& lexer) {
  const Token opening = lexer.expect_symbol('[', "to begin a shape");
  Shape shape;
  lexer.read_list(']', "a size", [&] { shape.push_back(read_dim(lexer)); });
  try {
    check_shape("shape", shape);
  } catch (const Error& error) {
    lexer.fail_at(opening, error.message());
  }
  return shape;
}

DType read_dtype(Lexer& lexer) {
  const Token token = lexer.expect(TokenKind::kName, "an element type");
  const auto dtype = parse_dtype(token.text);
  if (dtype) return *dtype;
  std::vector<std::string_view> names;
  for (int i = 0; i < kDTypeCount; ++i) names.push_back(to_string(static_cast<DType>(i)));
  lexer.fail_at(token, fmt::format("unknown element type {}{}", describe(token), did_you_mean(token.text, names)));
}

Type read_type(Lexer& lexer) {
  const DType dtype = read_dtype(lexer);
  return {dtype, read_shape(lexer)};
}

}  // namespace sluice::ir
