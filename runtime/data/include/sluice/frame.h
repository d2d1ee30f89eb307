#pragma once

#include <cstdint>
#include <filesystem>
#include <initializer_list>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <vector>

#include "sluice/array.h"
#include "sluice/csv.h"

namespace sluice {

struct FrameOptions {
  /// kGuess: the first row has the names if none of its fields is a number or missing.
  CsvOptions::Header header = CsvOptions::Header::kYes;
  char separator = ',';
  /// Fields that stand for a missing value; those of pandas.
  std::vector<std::string> missing = {"",     "#N/A",   "#N/A N/A", "#NA",  "-1.#IND", "-1.#QNAN", "-NaN",
                                      "-nan", "1.#IND", "1.#QNAN",  "<NA>", "N/A",     "NA",       "NULL",
                                      "NaN",  "None",   "n/a",      "nan",  "null"};
  std::vector<std::string> text = {};  ///< names of columns of text although they look like numbers: zip codes
};

/// A table whose columns are numbers or text, any of which may be missing. A value: copies are independent.
class Frame {
 public:
  /// Returns the number of rows.
  std::int64_t size() const { return rows_; }
  std::vector<std::string> columns() const;
  bool is_text(std::string_view column) const { return find(column).is_text; }
  /// Returns how many values of the column are missing.
  std::int64_t missing(std::string_view column) const;

  /// Returns a column of numbers, f64[N]; missing ones are NaN. All functions throw Error for a column that there is
  /// not, or of which there are several; this one, naming the first value, also for a column of text.
  Array numbers(std::string_view column) const;
  /// Returns columns of numbers side by side, f32[N,columns]. Throws Error also for a number that overflows f32.
  Array numbers(std::span<const std::string> columns) const;
  Array numbers(std::initializer_list<std::string> columns) const {
    return numbers(std::span(columns.begin(), columns.size()));
  }
  /// Returns a column of text; missing ones are empty. Throws Error for a column of numbers.
  const std::vector<std::string>& text(std::string_view column) const;

  /// Replaces the missing values of a column. Throws Error unless the column is of that kind.
  template <typename T>
  requires std::is_arithmetic_v<T>
  void fill_missing(std::string_view column, T value) { fill_numbers(column, static_cast<double>(value)); }
  void fill_missing(std::string_view column, std::string_view value);
  /// Returns the rows without missing values in these columns; in all, without any.
  Frame without_missing(std::span<const std::string> columns = {}) const;
  Frame without_missing(std::initializer_list<std::string> columns) const {
    return without_missing(std::span(columns.begin(), columns.size()));
  }
  /// Returns the rows with these numbers, such as a part of random_numbers_of_parts. Throws Error unless each is below
  /// size().
  Frame select(std::span<const std::uint32_t> numbers) const;

 private:
  friend class FrameRows;

  struct Column {
    std::string name;
    bool is_text = false;
    std::vector<double> numbers = {};    ///< of a column of numbers: NaN where missing
    std::vector<std::string> text = {};  ///< of a column of text: empty where missing
    std::vector<bool> missing = {};
  };

  void fill_numbers(std::string_view column, double value);
  const Column& find(std::string_view column) const;
  Column& find_kind(std::string_view column, bool text);
  void check_kind(const Column& column, bool text) const;

  std::string source_;  ///< the file, for errors
  std::int64_t rows_ = 0;
  std::vector<Column> columns_;
};

/// Reads a file of comma-separated values, as read_csv does, whose fields may be any text and may be missing. A column
/// has numbers if all fields that are not missing are numbers, and `options` do not say that it is text. Throws Error,
/// naming the file and the line, for a row of another length, a misplaced quote, a number that overflows f64, and a
/// file without rows, and for an unknown name in the options.
Frame read_frame(const std::filesystem::path& path, const FrameOptions& options = {});

}  // namespace sluice
