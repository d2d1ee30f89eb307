#include "sluice/csv.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>

#include "ir/suggest.h"
#include "runtime/data/csv_reader.h"
#include "sluice/error.h"

namespace sluice {

namespace {

/// Returns whether a field of the first row may be a column's name: anything but a number; words for numbers count as
/// names if all fields of the row are words.
enum class Cell : std::uint8_t { kNumber, kWordForNumber, kName };

Cell kind_of(std::string_view field) {
  if (!parse_number(field).is_number) return Cell::kName;
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  return std::ranges::any_of(field, is_digit) ? Cell::kNumber : Cell::kWordForNumber;
}

bool is_header(const std::vector<std::string>& row) {
  const auto is = [](Cell kind) { return [kind](const std::string& field) { return kind_of(field) == kind; }; };
  return std::ranges::any_of(row, is(Cell::kName)) || std::ranges::none_of(row, is(Cell::kNumber));
}

/// The rows of a table of numbers.
class NumberRows : public CsvRows {
 public:
  explicit NumberRows(CsvOptions::Header header) : header_(header) {}

  Table table(std::string source) && {
    const auto columns = static_cast<std::int64_t>(columns_.size());
    const std::int64_t rows = columns == 0 ? 0 : static_cast<std::int64_t>(values_.size()) / columns;
    return {std::move(source), std::move(columns_), Array(values_, {rows, columns})};
  }

 private:
  void add(std::string_view field) override {
    if (!has_columns_) {
      columns_.emplace_back(field);
      return;
    }
    if (fields_ > columns_.size()) return;  // end_row reports it
    const ParsedNumber parsed = parse_number(field);
    if (parsed.expected != nullptr) {
      error_ = fmt::format("line {}, column {} ('{}'): expected {}, got '{}'", line(), fields_, columns_[fields_ - 1],
                           parsed.expected, field);
      return;
    }
    values_.push_back(parsed.value);
  }

  void end_row() override {
    if (has_columns_) {
      if (fields_ != columns_.size())
        error_ = fmt::format("line {}: expected {} fields, got {}", line(), columns_.size(), fields_);
      return;
    }
    has_columns_ = true;
    if (header_ == CsvOptions::Header::kYes || (header_ == CsvOptions::Header::kGuess && is_header(columns_))) return;
    const std::vector<std::string> first = std::exchange(columns_, {});
    for (std::size_t i = 0; i < first.size(); ++i) columns_.push_back(fmt::format("{}", i));
    fields_ = 0;
    for (const std::string& field : first) {
      ++fields_;
      if (error_.empty()) add(field);
    }
  }

  CsvOptions::Header header_;
  bool has_columns_ = false;
  std::vector<std::string> columns_;
  std::vector<double> values_;
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
  NumberRows rows(options.header);
  read_csv_rows(path, options.separator, rows);
  Table table = std::move(rows).table(path.string());
  if (table.values.sizes()[0] == 0) fail("{}: expected rows of numbers, there are none", table.source);
  return table;
}

}  // namespace sluice
