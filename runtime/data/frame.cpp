#include "sluice/frame.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_set>
#include <utility>

#include "ir/suggest.h"
#include "runtime/data/csv_reader.h"
#include "sluice/error.h"

namespace sluice {

/// The rows of a frame as text, one after the other.
class FrameRows : public CsvRows {
 public:
  explicit FrameRows(const FrameOptions& options)
      : options_(options), missing_(options.missing.begin(), options.missing.end()) {}

  Frame frame(std::string source) const {
    Frame frame;
    frame.source_ = std::move(source);
    if (lines_.empty()) fail("{}: expected rows of values, there are none", frame.source_);
    frame.rows_ = static_cast<std::int64_t>(lines_.size());
    for (std::size_t i = 0; i < names_.size(); ++i) frame.columns_.push_back(column(i, frame.source_));
    for (const std::string& name : options_.text) frame.find(name);
    return frame;
  }

 private:
  void add(std::string_view field) override {
    text_ += field;
    ends_.push_back(text_.size());
  }

  void end_row() override {
    if (names_.empty()) {
      const auto is_name = [&](std::size_t i) { return !is_missing(field(i)) && !parse_number(field(i)).is_number; };
      bool names = options_.header != CsvOptions::Header::kNo;
      for (std::size_t i = 0; i < fields_ && options_.header == CsvOptions::Header::kGuess; ++i) names &= is_name(i);
      for (std::size_t i = 0; i < fields_; ++i) names_.push_back(names ? std::string(field(i)) : fmt::format("{}", i));
      if (names) {
        text_.clear();
        ends_.clear();
        return;
      }
    }
    if (fields_ != names_.size())
      error_ = fmt::format("line {}: expected {} fields, got {}", line(), names_.size(), fields_);
    lines_.push_back(line());
  }

  std::string_view field(std::size_t i) const {
    const std::size_t begin = i == 0 ? 0 : ends_[i - 1];
    return std::string_view(text_).substr(begin, ends_[i] - begin);
  }
  std::string_view field(std::size_t row, std::size_t column) const { return field(row * names_.size() + column); }
  bool is_missing(std::string_view field) const { return missing_.contains(std::string(field)); }

  Frame::Column column(std::size_t i, const std::string& source) const {
    Frame::Column made{.name = names_[i], .is_text = std::ranges::count(options_.text, names_[i]) > 0};
    for (std::size_t row = 0; row < lines_.size(); ++row) made.missing.push_back(is_missing(field(row, i)));
    std::string too_large;  // the first such number: an error unless the column is text
    for (std::size_t row = 0; row < lines_.size() && !made.is_text; ++row) {
      const ParsedNumber number =
          made.missing[row] ? ParsedNumber{std::numeric_limits<double>::quiet_NaN()} : parse_number(field(row, i));
      made.is_text = !number.is_number;
      made.numbers.push_back(number.value);
      if (number.expected == nullptr || !too_large.empty()) continue;
      too_large = fmt::format("{}: line {}, column {} ('{}'): expected {}, got '{}'", source, lines_[row], i + 1,
                              names_[i], number.expected, field(row, i));
    }
    if (!made.is_text && !too_large.empty()) throw Error(too_large);
    if (!made.is_text) return made;
    made.numbers = {};
    for (std::size_t row = 0; row < lines_.size(); ++row) {
      made.text.emplace_back(made.missing[row] ? std::string_view() : field(row, i));
    }
    return made;
  }

  const FrameOptions& options_;
  std::unordered_set<std::string> missing_;
  std::vector<std::string> names_;
  std::string text_;                 ///< of all fields
  std::vector<std::size_t> ends_;    ///< of each field in text_
  std::vector<std::int64_t> lines_;  ///< of each row in the file
};

Frame read_frame(const std::filesystem::path& path, const FrameOptions& options) {
  FrameRows rows(options);
  read_csv_rows(path, options.separator, rows);
  return rows.frame(path.string());
}

const Frame::Column& Frame::find(std::string_view column) const {
  const auto found = std::ranges::find(columns_, column, &Column::name);
  if (found == columns_.end()) {
    std::vector<std::string_view> names;
    for (const Column& each : columns_) names.push_back(each.name);
    fail("{}: there is no column '{}'{}", source_, column, did_you_mean(column, names));
  }
  const auto named = std::ranges::count(columns_, column, &Column::name);
  if (named > 1) fail("{}: {} columns are called '{}'", source_, named, column);
  return *found;
}

void Frame::check_kind(const Column& column, bool text) const {
  if (column.is_text == text) return;
  if (text) fail("{}: column '{}': expected text, got numbers; FrameOptions::text makes it text", source_, column.name);
  std::size_t row = 0;
  while (column.missing[row] || parse_number(column.text[row]).expected == nullptr) {
    if (++row == column.text.size()) fail("{}: column '{}': expected numbers, got text", source_, column.name);
  }
  fail("{}: column '{}': expected numbers, got '{}' in row {} of the data", source_, column.name, column.text[row],
       row + 1);
}

Frame::Column& Frame::find_kind(std::string_view column, bool text) {
  auto& found = const_cast<Column&>(find(column));
  check_kind(found, text);
  return found;
}

std::vector<std::string> Frame::columns() const {
  std::vector<std::string> names;
  for (const Column& column : columns_) names.push_back(column.name);
  return names;
}

std::int64_t Frame::missing(std::string_view column) const {
  const std::vector<bool>& missing = find(column).missing;
  return std::count(missing.begin(), missing.end(), true);
}

Array Frame::numbers(std::string_view column) const {
  const Column& found = find(column);
  check_kind(found, false);
  return Array(found.numbers);
}

Array Frame::numbers(std::span<const std::string> columns) const {
  Array side_by_side(DType::kF32, {rows_, static_cast<std::int64_t>(columns.size())});
  const auto to = side_by_side.data<float>();
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const Column& column = find(columns[i]);
    check_kind(column, false);
    for (std::size_t row = 0; row < column.numbers.size(); ++row) {
      const double value = column.numbers[row];
      const auto rounded = static_cast<float>(value);
      if (std::isinf(rounded) && !std::isinf(value)) {
        fail("{}: row {} of the data, column '{}': expected a number of type f32, got {}", source_, row + 1,
             column.name, value);
      }
      to[row * columns.size() + i] = rounded;
    }
  }
  return side_by_side;
}

const std::vector<std::string>& Frame::text(std::string_view column) const {
  const Column& found = find(column);
  check_kind(found, true);
  return found.text;
}

void Frame::fill_numbers(std::string_view column, double value) {
  Column& filled = find_kind(column, false);
  for (std::size_t row = 0; row < filled.numbers.size(); ++row) {
    if (filled.missing[row]) filled.numbers[row] = value;
  }
  filled.missing.assign(filled.missing.size(), false);
}

void Frame::fill_missing(std::string_view column, std::string_view value) {
  Column& filled = find_kind(column, true);
  for (std::size_t row = 0; row < filled.text.size(); ++row) {
    if (filled.missing[row]) filled.text[row] = value;
  }
  filled.missing.assign(filled.missing.size(), false);
}

Frame Frame::without_missing(std::span<const std::string> columns) const {
  std::vector<const Column*> looked_at;
  for (const std::string& column : columns) looked_at.push_back(&find(column));
  for (const Column& column : columns_) {
    if (columns.empty()) looked_at.push_back(&column);
  }
  std::vector<std::uint32_t> numbers;
  for (std::size_t row = 0; row < static_cast<std::size_t>(rows_); ++row) {
    const auto has = [&](const Column* column) { return !column->missing[row]; };
    if (std::ranges::all_of(looked_at, has)) numbers.push_back(static_cast<std::uint32_t>(row));
  }
  return select(numbers);
}

Frame Frame::select(std::span<const std::uint32_t> numbers) const {
  const auto wrong = std::ranges::find_if(numbers, [&](std::uint32_t number) { return number >= rows_; });
  if (wrong != numbers.end()) fail("select: expected numbers of {} rows, got {}", rows_, *wrong);
  Frame part;
  part.source_ = source_;
  part.rows_ = static_cast<std::int64_t>(numbers.size());
  for (const Column& column : columns_) {
    Column& to = part.columns_.emplace_back(Column{.name = column.name, .is_text = column.is_text});
    for (const std::uint32_t number : numbers) {
      to.missing.push_back(column.missing[number]);
      if (column.is_text) {
        to.text.push_back(column.text[number]);
      } else {
        to.numbers.push_back(column.numbers[number]);
      }
    }
  }
  return part;
}

}  // namespace sluice
