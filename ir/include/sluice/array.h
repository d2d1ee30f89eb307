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

  /// Returns the only element, converted to T (toward zero). Throws Error unless there is exactly one, and if an
  /// integer T cannot hold it.
  template <typename T>
  T item() const {
    check_single();
    return visit_dtype(dtype_, [&](auto zero) {
      const auto value = data<decltype(zero)>()[0];
      if constexpr (std::is_integral_v<T> && !std::is_same_v<T, bool>) {
        if (!detail::fits<T>(value)) fail("item: {} does not fit {}", value, to_string(dtype_of<T>));
      }
      return static_cast<T>(value);
    });
  }

  /// Returns the element at this position, with one index per axis; negative ones count from the end. Throws Error if T
  /// is not this array's element type, and if there is no such element.
  template <typename T, std::integral... I>
  T& at(I... indices) {
    return data<T>()[position({static_cast<std::int64_t>(indices)...})];
  }
  template <typename T, std::integral... I>
  const T& at(I... indices) const {
    return data<T>()[position({static_cast<std::int64_t>(indices)...})];
  }
  /// The same as a number, for any dtype. Throws Error for an i64 that a double cannot hold.
  template <std::integral... I>
  double operator()(I... indices) const {
    return number_at(position({static_cast<std::int64_t>(indices)...}));
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
  void check_single() const;
  std::size_t position(std::initializer_list<std::int64_t> indices) const;
  double number_at(std::size_t position) const;

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
