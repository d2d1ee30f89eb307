#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>

namespace sluice {

/// A field as a number, or a description of what was expected instead. Numbers too small for f64 become subnormal or 0,
/// as in source code.
struct ParsedNumber {
  double value = 0;
  const char* expected = nullptr;
  bool is_number = true;  ///< also one that is too large
};

ParsedNumber parse_number(std::string_view text);

/// Receives the fields that libcsv finds. libcsv is C, which exceptions must not cross: the first error is kept for
/// later.
class CsvRows {
 public:
  CsvRows() = default;
  CsvRows(const CsvRows&) = delete;
  CsvRows& operator=(const CsvRows&) = delete;
  virtual ~CsvRows() = default;

  static void take_field(void* text, std::size_t size, void* rows);
  static void take_row(int terminator, void* rows);

  /// Returns the line being read, counted from 1.
  std::int64_t line() const { return line_; }
  const std::string& error() const { return error_; }

 protected:
  /// Takes a field of the row; fields_ counts it already. Not called after an error.
  virtual void add(std::string_view field) = 0;
  /// Takes the end of a row with at least one field. Not called after an error.
  virtual void end_row() = 0;

  std::size_t fields_ = 0;  ///< of the row being read
  std::string error_;

 private:
  std::int64_t line_ = 1;
  int last_terminator_ = 0;
};

/// Reads a file of comma-separated values, plain or gzipped, into `rows`. Throws Error, naming file and line, for text
/// that is not of the format, and with the error of `rows`.
void read_csv_rows(const std::filesystem::path& path, char separator, CsvRows& rows);

}  // namespace sluice
