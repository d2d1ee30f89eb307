#pragma once

#include <algorithm>
#include <cmath>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <initializer_list>
#include <limits>
#include <memory>
#include <ostream>
#include <source_location>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "sluice/error.h"
#include "sluice/type.h"

namespace sluice {

namespace detail {
/// Returns whether `value`, converted to the integer type T by truncation toward zero, is in its range.
template <typename T, typename Source>
bool fits(Source value) {
  if constexpr (std::is_same_v<Source, bool>) {
    return true;
  } else if constexpr (std::is_integral_v<Source>) {
    return std::in_range<T>(value);
  } else {
    const double whole = std::trunc(static_cast<double>(value));
    return whole >= static_cast<double>(std::numeric_limits<T>::min()) &&
           whole < std::ldexp(1.0, std::numeric_limits<T>::digits);
  }
}
/// A C++ integer of any type; a bool is none.
template <typename T>
concept Integer = std::integral<T> && !std::same_as<T, bool>;

/// An index, with the line of the call.
class IndexAt {
 public:
  template <Integer T>
  IndexAt(T index, std::source_location where = std::source_location::current())  // NOLINT: stands for the number
      : index_(static_cast<std::int64_t>(index)), where_(where) {}

  std::int64_t index() const { return index_; }
  const std::source_location& where() const { return where_; }

 private:
  std::int64_t index_;
  std::source_location where_;
};

/// Throws an Error at this line.
[[noreturn]] void fail_at(const std::source_location& where, const std::string& message);

/// The C++ types of elements.
template <typename T>
concept Number = std::same_as<T, float> || std::same_as<T, double> || std::same_as<T, std::int32_t> ||
    std::same_as<T, std::int64_t> || std::same_as<T, std::uint8_t> || std::same_as<T, bool>;

/// Returns the sizes of nested lists. Throws Error if the lists of an axis differ in length.
template <typename T>
std::vector<std::int64_t> sizes_of(const T&) {
  return {};
}
template <typename T>
std::vector<std::int64_t> sizes_of(std::initializer_list<T> lists) {
  std::vector<std::int64_t> sizes{static_cast<std::int64_t>(lists.size())};
  if (lists.size() == 0) return sizes;
  const std::vector<std::int64_t> inner = sizes_of(*lists.begin());
  for (const T& list : lists) {
    if (sizes_of(list) != inner) {
      fail("array: the lists of an axis have one length, got {} and {}", to_string(Shape::of(inner)),
           to_string(Shape::of(sizes_of(list))));
    }
  }
  sizes.insert(sizes.end(), inner.begin(), inner.end());
  return sizes;
}
}  // namespace detail

/// A dense, row-major host array of any element type. A handle: copies share the elements (as NumPy's views do);
/// clone() copies them. Storage is aligned to 64 bytes and followed by 64 readable bytes, so that kernels may load
/// whole vectors at its end.
class Array {
 public:
  /// A scalar f32 zero.
  Array();
  /// Zeros. Throws Error for a negative size, for more elements than can be counted (regardless of empty axes), and if
  /// there is not enough memory.
  Array(DType dtype, std::vector<std::int64_t> sizes);
  /// Copies `values`, given in row-major order. Throws Error unless there is exactly one for each element of `sizes`.
  template <typename T>
  Array(std::span<const T> values, std::vector<std::int64_t> sizes) : Array(dtype_of<T>, std::move(sizes)) {
    check_count(values.size());
    if (!values.empty()) std::memcpy(bytes(), values.data(), values.size_bytes());
  }
  template <typename T>
  Array(const std::vector<T>& values, std::vector<std::int64_t> sizes)
      : Array(std::span<const T>(values), std::move(sizes)) {}
  Array(const std::vector<bool>& values, std::vector<std::int64_t> sizes);
  /// The same with the sizes {values.size()}.
  template <detail::Number T>
  explicit Array(const std::vector<T>& values) : Array(values, {static_cast<std::int64_t>(values.size())}) {}
  template <typename T>
  Array(std::initializer_list<T> values, std::vector<std::int64_t> sizes)
      : Array(std::span<const T>(values.begin(), values.size()), std::move(sizes)) {}

  /// The numbers of nested lists, of one C++ type and without gaps: Array({1.F, 2.F}) is f32[2], Array({{1, 2}, {3,
  /// 4}}) is i32[2,2]. Throws Error if the lists of an axis differ in length. C++ also treats Array{{1, 2}, {1, 2}} as
  /// nested lists: values and sizes of type int need parentheses.
  template <detail::Number T>
  Array(std::initializer_list<T> values)  // NOLINT: the list that it is
      : Array(values, {static_cast<std::int64_t>(values.size())}) {}
  template <detail::Number T>
  Array(std::initializer_list<std::initializer_list<T>> rows)  // NOLINT: the lists that they are
      : Array(dtype_of<T>, detail::sizes_of(rows)) {
    T* to = data<T>().data();
    for (const auto& row : rows) to = std::copy(row.begin(), row.end(), to);
  }
  template <detail::Number T>
  Array(std::initializer_list<std::initializer_list<std::initializer_list<T>>> blocks)  // NOLINT: see above
      : Array(dtype_of<T>, detail::sizes_of(blocks)) {
    T* to = data<T>().data();
    for (const auto& rows : blocks) {
      for (const auto& row : rows) to = std::copy(row.begin(), row.end(), to);
    }
  }

  /// A scalar.
  template <typename T>
  static Array scalar(T value) {
    return Array(std::span<const T>(&value, 1), {});
  }
  /// Returns an array over elements that another owner keeps alive (and aligned to their type), without copying.
  static Array borrow(DType dtype, std::vector<std::int64_t> sizes, std::shared_ptr<void> elements);

  DType dtype() const { return dtype_; }
  const std::vector<std::int64_t>& sizes() const { return sizes_; }
  int rank() const { return static_cast<int>(sizes_.size()); }
  std::int64_t element_count() const { return count_; }
  std::size_t byte_count() const { return static_cast<std::size_t>(count_) * size_of(dtype_); }
  /// Returns the static type of this array, for comparison with a signature: f32[128,784].
  Type type() const { return {dtype_, Shape::of(sizes_)}; }

  std::byte* bytes() { return data_.get(); }
  const std::byte* bytes() const { return data_.get(); }

  /// Returns the elements in row-major order. Throws Error if T is not this array's element type.
  template <typename T>
  std::span<T> data() {
    check_dtype(dtype_of<T>);
    return {reinterpret_cast<T*>(bytes()), static_cast<std::size_t>(count_)};
  }
  template <typename T>
  std::span<const T> data() const {
    check_dtype(dtype_of<T>);
    return {reinterpret_cast<const T*>(bytes()), static_cast<std::size_t>(count_)};
  }

  /// Returns the only element, converted to T (toward zero), which is a C++ number of any type. Throws Error at the
  /// user's line unless there is exactly one, and if an integer T cannot hold it.
  template <typename T>
  T item(std::source_location where = std::source_location::current()) const {
    static_assert(std::is_arithmetic_v<T>, "item<T>() converts to a C++ number");
    check_single(where);
    return visit_dtype(dtype_, [&](auto zero) {
      const auto value = data<decltype(zero)>()[0];
      if constexpr (detail::Integer<T>) {
        if (!detail::fits<T>(value)) {
          constexpr char kKind = std::is_signed_v<T> ? 'i' : 'u';
          detail::fail_at(where, fmt::format("item: {} does not fit {}{}", value, kKind, 8 * sizeof(T)));
        }
      }
      return static_cast<T>(value);
    });
  }

  /// Returns the element at this position, with one index per axis; negative ones count from the end. Throws Error at
  /// the user's line if T is not this array's element type, and if there is no such element.
  template <typename T, detail::Integer... I>
  T& at(const detail::IndexAt& first, I... rest) {
    return const_cast<T&>(std::as_const(*this).at<T>(first, rest...));
  }
  template <typename T, detail::Integer... I>
  const T& at(const detail::IndexAt& first, I... rest) const {
    check_dtype(dtype_of<T>, first.where());
    return data<T>()[position({first.index(), static_cast<std::int64_t>(rest)...}, first.where())];
  }
  /// The only element of a scalar.
  template <typename T>
  T& at(std::source_location where = std::source_location::current()) {
    return const_cast<T&>(std::as_const(*this).at<T>(where));
  }
  template <typename T>
  const T& at(std::source_location where = std::source_location::current()) const {
    check_dtype(dtype_of<T>, where);
    return data<T>()[position({}, where)];
  }
  /// The same as a number, for any dtype. Throws Error for an i64 that a double cannot hold.
  template <detail::Integer... I>
  double operator()(const detail::IndexAt& first, I... rest) const {
    return number_at(position({first.index(), static_cast<std::int64_t>(rest)...}, first.where()), first.where());
  }
  double operator()(std::source_location where = std::source_location::current()) const {
    return number_at(position({}, where), where);
  }

  Array clone() const;
  /// Returns the same elements (shared) with other sizes. Throws Error if the counts differ.
  Array reshaped(std::vector<std::int64_t> sizes) const;
  /// Returns whether no other handle shares these elements.
  bool unique() const { return data_.use_count() == 1; }
  /// Compares type and bits.
  bool operator==(const Array& other) const;

 private:
  void check_count(std::size_t given) const;
  void check_dtype(DType wanted) const;
  void check_dtype(DType wanted, const std::source_location& where) const;
  void check_single(const std::source_location& where) const;
  std::size_t position(std::initializer_list<std::int64_t> indices, const std::source_location& where) const;
  double number_at(std::size_t position, const std::source_location& where) const;

  DType dtype_ = DType::kF32;
  std::vector<std::int64_t> sizes_;
  std::int64_t count_ = 1;
  std::shared_ptr<std::byte> data_;
};

/// Prints like NumPy: nested brackets, long axes shortened with "...", empty arrays as [], then the type.
std::string to_string(const Array& array);
/// The part of an array that is printed.
enum class Shown : std::uint8_t { kEnds, kAll };
/// The same, or every element.
std::string to_string(const Array& array, Shown shown);

inline std::ostream& operator<<(std::ostream& out, const Array& array) { return out << to_string(array); }

}  // namespace sluice

/// {} prints as to_string does, {:all} every element.
template <>
struct fmt::formatter<sluice::Array> {
  constexpr auto parse(format_parse_context& context) {
    const std::string_view all = "all";
    auto at = context.begin();
    if (at == context.end() || *at == '}') return at;
    for (const char c : all) {
      if (at == context.end() || *at != c) throw format_error("an array is printed by {} or {:all}");
      ++at;
    }
    shown_ = sluice::Shown::kAll;
    return at;
  }
  auto format(const sluice::Array& array, format_context& context) const {
    const std::string text = sluice::to_string(array, shown_);
    return std::copy(text.begin(), text.end(), context.out());
  }

 private:
  sluice::Shown shown_ = sluice::Shown::kEnds;
};
