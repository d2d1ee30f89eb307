#include "sluice/features.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <numeric>
#include <type_traits>

#include "ir/suggest.h"
#include "sluice/error.h"

namespace sluice {

namespace {

std::vector<std::int64_t> sizes_of_row(const Array& rows) { return {rows.sizes().begin() + 1, rows.sizes().end()}; }

/// Returns a matrix's columns, or 1 for a vector.
std::int64_t columns_of(const Array& array) { return array.rank() == 2 ? array.sizes()[1] : 1; }

}  // namespace

LabelEncoder::LabelEncoder(std::span<const std::string> values) : names_(values.begin(), values.end()) {
  std::ranges::sort(names_);
  const auto again = std::ranges::unique(names_);
  names_.erase(again.begin(), again.end());
  if (!names_.empty() && names_.front().empty()) names_.erase(names_.begin());
  sorted_.resize(names_.size());
  std::iota(sorted_.begin(), sorted_.end(), std::size_t{0});
}

LabelEncoder LabelEncoder::in_order(std::vector<std::string> names, std::source_location where) {
  LabelEncoder made;
  made.names_ = std::move(names);
  made.sorted_.resize(made.names_.size());
  std::iota(made.sorted_.begin(), made.sorted_.end(), std::size_t{0});
  const auto name = [&](std::size_t i) -> const std::string& { return made.names_[i]; };
  std::ranges::sort(made.sorted_, {}, name);
  const auto twice = std::ranges::adjacent_find(made.sorted_, {}, name);
  if (twice != made.sorted_.end())
    detail::fail_at(where, fmt::format("label encoder: two classes are called '{}'", name(*twice)));
  return made;
}

std::int64_t LabelEncoder::class_of(const std::string& value, std::size_t row,
                                    const std::source_location& where) const {
  const auto name = [&](std::size_t i) -> const std::string& { return names_[i]; };
  const auto found = std::ranges::lower_bound(sorted_, value, {}, name);
  if (found != sorted_.end() && name(*found) == value) return static_cast<std::int64_t>(*found);
  if (value.empty()) detail::fail_at(where, fmt::format("label encoder: row {}: the value is missing", row + 1));
  const std::vector<std::string_view> names(names_.begin(), names_.end());
  detail::fail_at(where, fmt::format("label encoder: row {}: there is no class '{}'{}", row + 1, value,
                                     did_you_mean(value, names)));
}

Array LabelEncoder::encode(std::span<const std::string> values, std::source_location where) const {
  Array classes(DType::kI64, {static_cast<std::int64_t>(values.size())});
  const auto to = classes.data<std::int64_t>();
  for (std::size_t row = 0; row < values.size(); ++row) to[row] = class_of(values[row], row, where);
  return classes;
}

Array LabelEncoder::one_hot(std::span<const std::string> values, std::source_location where) const {
  Array rows(DType::kF32, {static_cast<std::int64_t>(values.size()), size()});
  const auto to = rows.data<float>();
  for (std::size_t row = 0; row < values.size(); ++row) {
    if (values[row].empty()) continue;
    to[row * names_.size() + static_cast<std::size_t>(class_of(values[row], row, where))] = 1;
  }
  return rows;
}

std::vector<std::string> LabelEncoder::decode(const Array& classes, std::source_location where) const {
  if (!is_integer(classes.dtype())) {
    detail::fail_at(where,
                    fmt::format("label encoder: expected integers as classes, got {}", to_string(classes.type())));
  }
  std::vector<std::string> names;
  visit_dtype(classes.dtype(), [&]<typename T>(T) {
    for (const T element : classes.data<T>()) {
      const auto number = static_cast<std::int64_t>(element);
      if (number < 0 || number >= size())
        detail::fail_at(where, fmt::format("label encoder: expected classes 0 to {}, got {}", size() - 1, number));
      names.push_back(names_[static_cast<std::size_t>(number)]);
    }
  });
  return names;
}

Standardizer::Standardizer(const Array& rows, std::source_location where) {
  if (rows.rank() < 1 || rows.sizes()[0] == 0) {
    detail::fail_at(where, fmt::format("standardizer: expected at least one row, got {}", to_string(rows.type())));
  }
  mean_ = Array(DType::kF64, sizes_of_row(rows));
  deviation_ = Array(DType::kF64, sizes_of_row(rows));
  const std::span<double> means = mean_.data<double>();
  const std::span<double> deviations = deviation_.data<double>();
  const std::size_t features = means.size();
  struct Seen {
    std::int64_t count = 0;
    double least = std::numeric_limits<double>::infinity();
    double most = -std::numeric_limits<double>::infinity();
    double rest = 0;  ///< sum of the distances from the rounded mean
  };
  std::vector<Seen> seen(features);
  visit_dtype(rows.dtype(), [&]<typename T>(T) {
    const std::span<const T> elements = rows.data<T>();
    const auto each = [&](auto f) {
      for (std::size_t i = 0, feature = 0; i < elements.size();
           ++i, feature = feature + 1 == features ? 0 : feature + 1) {
        const auto x = static_cast<double>(elements[i]);
        if (!std::isnan(x)) f(feature, x);
      }
    };
    each([&](std::size_t feature, double x) {
      if (std::isinf(x))
        detail::fail_at(where, fmt::format("standardizer: expected finite numbers, feature {} has {}", feature, x));
      Seen& of = seen[feature];
      ++of.count;
      of.least = std::min(of.least, x);
      of.most = std::max(of.most, x);
      means[feature] += x;
    });
    for (std::size_t feature = 0; feature < features; ++feature) {
      const Seen& of = seen[feature];
      if (of.count > 0) means[feature] /= static_cast<double>(of.count);
      if (of.least == of.most) means[feature] = of.least;  // exactly, so that it becomes exactly 0
    }
    each([&](std::size_t feature, double x) {
      const double distance = x - means[feature];
      deviations[feature] += distance * distance;
      seen[feature].rest += distance;
    });
  });
  for (std::size_t feature = 0; feature < features; ++feature) {
    const Seen& of = seen[feature];
    const auto count = static_cast<double>(of.count);
    const bool constant = of.count == 0 || of.least == of.most;
    const double variance = constant ? 1 : (deviations[feature] - of.rest * of.rest / count) / count;
    deviations[feature] = std::sqrt(variance);
  }
}

void Standardizer::check(const Array& rows, std::string_view function, const std::source_location& where) const {
  if (rows.rank() >= 1 && sizes_of_row(rows) == mean_.sizes()) return;
  detail::fail_at(where, fmt::format("standardizer: {}: expected rows of {}, got {}", function,
                                     to_string(Shape::of(mean_.sizes())), to_string(rows.type())));
}

Array Standardizer::apply(const Array& rows, std::source_location where) const {
  check(rows, "apply", where);
  Array result(rows.dtype() == DType::kF64 ? DType::kF64 : DType::kF32, rows.sizes());
  const std::span<const double> means = mean_.data<double>();
  const std::span<const double> deviations = deviation_.data<double>();
  visit_dtype(rows.dtype(), [&]<typename T>(T) {
    using Result = std::conditional_t<std::is_same_v<T, double>, double, float>;
    const std::span<const T> from = rows.data<T>();
    const std::span<Result> to = result.data<Result>();
    for (std::size_t i = 0, feature = 0; i < to.size(); ++i, feature = feature + 1 == means.size() ? 0 : feature + 1) {
      to[i] = static_cast<Result>((static_cast<double>(from[i]) - means[feature]) / deviations[feature]);
    }
  });
  return result;
}

Array Standardizer::undo(const Array& rows, std::source_location where) const {
  check(rows, "undo", where);
  if (!is_float(rows.dtype()))
    detail::fail_at(where, fmt::format("standardizer: undo: expected floats, got {}", to_string(rows.type())));
  Array result(rows.dtype(), rows.sizes());
  const std::span<const double> means = mean_.data<double>();
  const std::span<const double> deviations = deviation_.data<double>();
  visit_dtype(rows.dtype(), [&]<typename T>(T) {
    const std::span<const T> from = rows.data<T>();
    const std::span<T> to = result.data<T>();
    for (std::size_t i = 0, feature = 0; i < to.size(); ++i, feature = feature + 1 == means.size() ? 0 : feature + 1) {
      to[i] = static_cast<T>(static_cast<double>(from[i]) * deviations[feature] + means[feature]);
    }
  });
  return result;
}

Array fill_missing(const Array& array, double value, std::source_location where) {
  if (!is_float(array.dtype()))
    detail::fail_at(where, fmt::format("fill_missing: expected a float array, got {}", to_string(array.type())));
  Array filled = array.clone();
  visit_dtype(array.dtype(), [&]<typename T>(T) {
    for (T& element : filled.data<T>()) {
      if (std::isnan(static_cast<double>(element))) element = static_cast<T>(value);
    }
  });
  return filled;
}

Array hstack(std::span<const Array> arrays, std::source_location where) {
  if (arrays.empty()) detail::fail_at(where, "hstack: expected at least one array, got none");
  const Array& first = arrays.front();
  std::int64_t columns = 0;
  for (const Array& array : arrays) {
    if (array.rank() != 1 && array.rank() != 2) {
      detail::fail_at(where,
                      fmt::format("hstack: expected arrays [N] or [N,columns], got {}", to_string(array.type())));
    }
    if (array.dtype() != first.dtype() || array.sizes()[0] != first.sizes()[0]) {
      detail::fail_at(where, fmt::format("hstack: expected arrays of one type and one number of rows, got {} and {}",
                                         to_string(first.type()), to_string(array.type())));
    }
    columns += columns_of(array);
  }
  const std::int64_t rows = first.sizes()[0];
  Array all(first.dtype(), {rows, columns});
  std::byte* to = all.bytes();
  for (std::int64_t row = 0; row < rows; ++row) {
    for (const Array& array : arrays) {
      const std::size_t size = static_cast<std::size_t>(columns_of(array)) * size_of(array.dtype());
      if (size > 0) std::memcpy(to, array.bytes() + static_cast<std::size_t>(row) * size, size);
      to += size;
    }
  }
  return all;
}

}  // namespace sluice
