#include "sluice/csv.h"

#include <csv.h>
#include <fmt/format.h>
#include <locale.h>
#include <stdlib.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "ir/suggest.h"
#include "runtime/io/byte_input.h"
#include "sluice/error.h"

namespace sluice {

namespace {

/// A field as a number, or a description of what was expected instead. Numbers too small for f64 become subnormal or 0,
/// as in source code.
struct Parsed {
  double value = 0;
  const char* expected = nullptr;
};
constexpr const char* kAnyNumber = "a number";

Parsed parse_number(std::string_view text) {
  if (text.starts_with('+') && !text.starts_with("+-")) text.remove_prefix(1);
  double value = 0;
  const char* const last = text.data() + text.size();
  const auto [end, error] = std::from_chars(text.data(), last, value);
  if (error == std::errc::invalid_argument || end != last) return {0, kAnyNumber};
  if (error == std::errc{}) return {value};
  // from_chars does not say in which direction it is out of range; the process's locale must not matter here either.
  static const locale_t kPlain = newlocale(LC_ALL_MASK, "C", nullptr);
  value = strtod_l(std::string(text).c_str(), nullptr, kPlain);
  return std::isinf(value) ? Parsed{0, "a number of at most 1.8e308"} : Parsed{value};
}

/// Returns whether a field of the first row may be a column's name: anything but a number; words for numbers count as
/// names if all fields of the row are words.
enum class Cell : std::uint8_t { kNumber, kWordForNumber, kName };

Cell kind_of(std::string_view field) {
  if (parse_number(field).expected == kAnyNumber) return Cell::kName;
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  return std::ranges::any_of(field, is_digit) ? Cell::kNumber : Cell::kWordForNumber;
}

bool is_header(const std::vector<std::string>& row) {
  const auto is = [](Cell kind) { return [kind](const std::string& field) { return kind_of(field) == kind; }; };
  return std::ranges::any_of(row, is(Cell::kName)) || std::ranges::none_of(row, is(Cell::kNumber));
}

/// Receives the fields that libcsv finds. libcsv is C, which exceptions must not cross: the first error is kept for
/// later.
class Rows {
 public:
  explicit Rows(CsvOptions::Header header) : header_(header) {}

  static void take_field(void* text, std::size_t size, void* rows) {
    static_cast<Rows*>(rows)->add({static_cast<const char*>(text), size});
  }
  static void take_row(int terminator, void* rows) { static_cast<Rows*>(rows)->end_row(terminator); }

  /// Returns the line being read, counted from 1.
  std::int64_t line() const { return line_; }
  const std::string& error() const { return error_; }
  Table table(std::string source) && {
    const auto columns = static_cast<std::int64_t>(columns_.size());
    const std::int64_t rows = columns == 0 ? 0 : static_cast<std::int64_t>(values_.size()) / columns;
    return {std::move(source), std::move(columns_), Array(values_, {rows, columns})};
  }

 private:
  void add(std::string_view field) {
    ++fields_;
    if (!error_.empty()) return;
    if (!has_columns_) {
      columns_.emplace_back(field);
      return;
    }
    if (fields_ > columns_.size()) return;  // end_row reports it
    const auto [value, expected] = parse_number(field);
    if (expected != nullptr) {
      error_ = fmt::format("line {}, column {} ('{}'): expected {}, got '{}'", line_, fields_, columns_[fields_ - 1],
                           expected, field);
      return;
    }
    values_.push_back(value);
  }

  void end_row(int terminator) {
    const bool second_half = terminator == '\n' && last_terminator_ == '\r' && fields_ == 0;
    if (fields_ > 0 && error_.empty()) check_row();
    fields_ = 0;
    last_terminator_ = second_half ? 0 : terminator;
    if (!second_half) ++line_;
  }

  void check_row() {
    if (has_columns_) {
      if (fields_ != columns_.size())
        error_ = fmt::format("line {}: expected {} fields, got {}", line_, columns_.size(), fields_);
      return;
    }
    has_columns_ = true;
    if (header_ == CsvOptions::Header::kYes || (header_ == CsvOptions::Header::kGuess && is_header(columns_))) return;
    const std::vector<std::string> first = std::exchange(columns_, {});
    for (std::size_t i = 0; i < first.size(); ++i) columns_.push_back(fmt::format("{}", i));
    fields_ = 0;
    for (const std::string& field : first) add(field);
  }

  CsvOptions::Header header_;
  bool has_columns_ = false;
  std::vector<std::string> columns_;
  std::vector<double> values_;
  std::size_t fields_ = 0;  ///< of the row being read
  std::int64_t line_ = 1;
  int last_terminator_ = 0;
  std::string error_;
};

class Parser {
 public:
  explicit Parser(char separator) {
    // Every line ending is reported, so that lines can be counted; a misplaced quote is an error.
    SLUICE_CHECK(csv_init(&parser_, CSV_STRICT | CSV_STRICT_FINI | CSV_REPALL_NL) == 0, "csv_init");
    csv_set_delim(&parser_, static_cast<unsigned char>(separator));
  }
  ~Parser() { csv_free(&parser_); }
  Parser(const Parser&) = delete;
  Parser& operator=(const Parser&) = delete;

  bool parse(std::string_view text, Rows& rows) {
    return csv_parse(&parser_, text.data(), text.size(), Rows::take_field, Rows::take_row, &rows) == text.size();
  }
  bool finish(Rows& rows) { return csv_fini(&parser_, Rows::take_field, Rows::take_row, &rows) == 0; }
  const char* error() { return csv_strerror(csv_error(&parser_)); }

 private:
  csv_parser parser_{};
};

/// Returns an element of a table as a T. Throws Error if that changes the number; floats are rounded.
template <typename T>
T converted(const Table& table, std::size_t row, std::size_t column, std::string_view what) {
  const double value = std::as_const(table.values).data<double>()[row * table.columns.size() + column];
  const bool fits = detail::fits<T>(value);
  if constexpr (std::is_integral_v<T>) {
    if (fits && static_cast<double>(static_cast<T>(value)) == value) return static_cast<T>(value);
  } else {
    const auto rounded = static_cast<T>(value);
    if (std::isinf(rounded) == std::isinf(value)) return rounded;
  }
  fail("{}: row {} of the data, column '{}': expected {} of type {}, got {}", table.source, row + 1,
       table.columns[column], what, to_string(dtype_of<T>), value);
}

}  // namespace

Dataset Table::with_target(const std::string& target, DType dtype) const {
  const auto found = std::ranges::find(columns, target);
  if (found == columns.end()) {
    const std::vector<std::string_view> names(columns.begin(), columns.end());
    fail("{}: there is no column '{}'{}", source, target, did_you_mean(target, names));
  }
  const auto named = std::ranges::count(columns, target);
  if (named > 1) fail("{}: {} columns are called '{}', so none of them is the target", source, named, target);
  const auto column = static_cast<std::size_t>(found - columns.begin());
  const std::int64_t rows = values.sizes()[0];
  Array targets(dtype, {rows});
  visit_dtype(dtype, [&]<typename T>(T) {
    const auto to = targets.data<T>();
    for (std::size_t row = 0; row < to.size(); ++row) to[row] = converted<T>(*this, row, column, "a target");
  });
  Array others(DType::kF32, {rows, static_cast<std::int64_t>(columns.size()) - 1});
  auto to = others.data<float>().begin();
  for (std::size_t row = 0; row < static_cast<std::size_t>(rows); ++row) {
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (i != column) *to++ = converted<float>(*this, row, i, "a number");
    }
  }
  return {others, targets};
}

Table read_csv(const std::filesystem::path& path, const CsvOptions& options) {
  const std::string name = path.string();
  ByteInput input(path);
  Rows rows(options.header);
  Parser parser(options.separator);
  const auto check = [&](bool parsed) {
    if (!rows.error().empty()) fail("{}: {}", name, rows.error());
    if (!parsed) fail("{}: line {}: expected comma-separated values: {}", name, rows.line(), parser.error());
  };
  std::array<std::uint8_t, 1 << 16> block{};
  bool first = true;
  while (const std::size_t size = input.read(block)) {
    std::string_view text(reinterpret_cast<const char*>(block.data()), size);
    constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";
    if (first && text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
    first = false;
    const std::size_t zero = text.find('\0');
    check(parser.parse(text.substr(0, zero), rows));  // counts the lines before it
    if (zero != text.npos) fail("{}: line {}: expected text, got a zero byte", name, rows.line());
  }
  check(parser.finish(rows));
  Table table = std::move(rows).table(name);
  if (table.values.sizes()[0] == 0) fail("{}: expected rows of numbers, there are none", name);
  return table;
}

}  // namespace sluice
