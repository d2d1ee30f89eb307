#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "sluice/array.h"
#include "sluice/dataset.h"

namespace sluice {

struct CsvOptions {
  /// Whether the first row has the columns' names. kGuess: it does if one of its fields is not a number, or if all are
  /// words such as "nan".
  enum class Header : std::uint8_t { kGuess, kYes, kNo };
  Header header = Header::kGuess;
  char separator = ',';
};

/// Numbers in rows and columns.
struct Table {
  std::string source;                ///< the file, for errors
  std::vector<std::string> columns;  ///< their names; "0", "1", ... without a header
  Array values;                      ///< f64 [rows,columns]

  /// Returns the rows as examples: column `target` as the target, of type `dtype`, the others, as f32 [rows,columns -
  /// 1], as the input. Throws Error unless there is exactly one such column, if one of its numbers does not fit
  /// `dtype`, and if another number overflows f32.
  Dataset with_target(const std::string& target, DType dtype = DType::kI64) const;
};

/// Reads a file of comma-separated values (RFC 4180: fields may be quoted, lines may end in CR LF), plain or gzipped.
/// Skips empty lines. Numbers below the smallest f64 become subnormal or 0. Throws Error, naming the file, line and
/// column, for a field that is not a number or overflows f64, a row of another length, a misplaced quote, and a file
/// without rows.
Table read_csv(const std::filesystem::path& path, const CsvOptions& options = {});

}  // namespace sluice
