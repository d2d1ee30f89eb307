#pragma once

#include <cstdint>
#include <initializer_list>
#include <source_location>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/array.h"

// Conversions of table columns to a model's inputs and targets. Statistics of the training part, such as class names
// and means, are held by objects that then transform the other parts. Errors are at the user's line.
namespace sluice {

/// The classes of a column of text: class i is names()[i].
class LabelEncoder {
 public:
  /// The different values, sorted by their bytes, as scikit-learn's LabelEncoder has them. Empty ones are missing, and
  /// no class.
  explicit LabelEncoder(std::span<const std::string> values);
  explicit LabelEncoder(const std::vector<std::string>& values) : LabelEncoder(std::span(values)) {}
  /// The classes in this order. Throws Error for a name that occurs twice.
  static LabelEncoder in_order(std::vector<std::string> names,
                               std::source_location where = std::source_location::current());

  const std::vector<std::string>& names() const { return names_; }
  /// Returns the number of classes.
  std::int64_t size() const { return static_cast<std::int64_t>(names_.size()); }

  /// Returns the classes of these values, i64[N]. Throws Error, with the row counted from 1, for a value that is no
  /// class, or is missing.
  Array encode(std::span<const std::string> values, std::source_location where = std::source_location::current()) const;
  /// Returns f32[N,size()]: 1 at the value's class, 0 elsewhere; only zeros for a missing value. Throws Error for
  /// another value that is no class.
  Array one_hot(std::span<const std::string> values,
                std::source_location where = std::source_location::current()) const;
  /// Returns the names of these classes, integers of any type and shape, in row-major order. Throws Error for a number
  /// that is no class.
  std::vector<std::string> decode(const Array& classes,
                                  std::source_location where = std::source_location::current()) const;

 private:
  LabelEncoder() = default;
  std::int64_t class_of(const std::string& value, std::size_t row, const std::source_location& where) const;

  std::vector<std::string> names_;
  std::vector<std::size_t> sorted_;  ///< positions in names_, for searching
};

/// Standardizes features: subtracts their mean and divides by their standard deviation, both of the array that it was
/// made of, usually the training part. A feature is an element of a row. The deviation is that of the whole
/// population, sqrt(sum((x - mean)^2) / N), computed in two passes in f64, as scikit-learn's StandardScaler and Keras's
/// Normalization have it.
class Standardizer {
 public:
  /// Takes rows [N,...] of any numbers. NaN (a missing value) is left out. Features that are all the same, or all NaN,
  /// get the deviation 1. Throws Error without rows, and for an infinity.
  explicit Standardizer(const Array& rows, std::source_location where = std::source_location::current());

  /// Returns the standardized rows: f64 for f64, otherwise f32. NaN stays NaN. Throws Error unless a row has as many
  /// elements as one of the constructor's.
  Array apply(const Array& rows, std::source_location where = std::source_location::current()) const;
  /// Returns what apply was called with, up to rounding.
  Array undo(const Array& rows, std::source_location where = std::source_location::current()) const;

  const Array& mean() const { return mean_; }            ///< f64, of the sizes of a row
  const Array& deviation() const { return deviation_; }  ///< f64, of the sizes of a row

 private:
  void check(const Array& rows, std::string_view function, const std::source_location& where) const;

  Array mean_;
  Array deviation_;
};

/// Returns the array with `value` in place of NaN. After Standardizer::apply, 0 is the mean. Throws Error unless it is
/// a float array.
Array fill_missing(const Array& array, double value, std::source_location where = std::source_location::current());

/// Returns columns side by side, as NumPy's hstack of matrices: rows [N,a] and [N,b] become [N,a+b]. An array [N] is a
/// column. Throws Error without arrays, and unless they have one dtype and one N.
Array hstack(std::span<const Array> arrays, std::source_location where = std::source_location::current());
inline Array hstack(std::initializer_list<Array> arrays, std::source_location where = std::source_location::current()) {
  return hstack(std::span(arrays.begin(), arrays.size()), where);
}

}  // namespace sluice
