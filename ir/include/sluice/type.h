#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/print.h"
#include "sluice/size.h"

namespace sluice {

/// Element types. There is no implicit promotion between them.
enum class DType : std::uint8_t { kF32, kF64, kI32, kI64, kU8, kBool };
inline constexpr int kDTypeCount = 6;

std::string_view to_string(DType dtype);                  ///< "f32", "f64", "i32", "i64", "u8", "bool"
std::optional<DType> parse_dtype(std::string_view name);  ///< the inverse of to_string
std::size_t size_of(DType dtype);                         ///< bytes an element; bool takes one
inline bool is_float(DType d) { return d == DType::kF32 || d == DType::kF64; }
inline bool is_integer(DType d) { return d == DType::kI32 || d == DType::kI64 || d == DType::kU8; }

/// The DType of a C++ scalar: dtype_of<float> is DType::kF32.
template <typename T>
inline constexpr DType dtype_of = [] {
  static_assert(sizeof(T) == 0,
                "not an element type of Sluice: float, double, std::int32_t, std::int64_t, std::uint8_t and bool are");
  return DType::kF32;
}();
template <>
inline constexpr DType dtype_of<float> = DType::kF32;
template <>
inline constexpr DType dtype_of<double> = DType::kF64;
template <>
inline constexpr DType dtype_of<std::int32_t> = DType::kI32;
template <>
inline constexpr DType dtype_of<std::int64_t> = DType::kI64;
template <>
inline constexpr DType dtype_of<std::uint8_t> = DType::kU8;
template <>
inline constexpr DType dtype_of<bool> = DType::kBool;

/// Calls `f` with a value of the C++ type that holds elements of `dtype`: visit_dtype(d, [](auto zero) { using T =
/// decltype(zero); ... }).
template <typename F>
decltype(auto) visit_dtype(DType dtype, F&& f) {
  switch (dtype) {
    case DType::kF32:
      return f(float{});
    case DType::kF64:
      return f(double{});
    case DType::kI32:
      return f(std::int32_t{});
    case DType::kI64:
      return f(std::int64_t{});
    case DType::kU8:
      return f(std::uint8_t{});
    case DType::kBool:
      break;
  }
  return f(bool{});
}

/// The sizes of all axes, outermost first.
class Shape {
 public:
  Shape() = default;
  Shape(std::initializer_list<Dim> dims) : dims_(dims) {}
  explicit Shape(std::vector<Dim> dims) : dims_(std::move(dims)) {}
  static Shape of(const std::vector<std::int64_t>& sizes) {
    return Shape(std::vector<Dim>(sizes.begin(), sizes.end()));
  }

  int rank() const { return static_cast<int>(dims_.size()); }
  const Dim& operator[](int axis) const { return dims_[static_cast<std::size_t>(axis)]; }
  Dim& operator[](int axis) { return dims_[static_cast<std::size_t>(axis)]; }
  auto begin() const { return dims_.begin(); }
  auto end() const { return dims_.end(); }
  const std::vector<Dim>& dims() const { return dims_; }
  void push_back(Dim dim) { dims_.push_back(dim); }
  bool operator==(const Shape&) const = default;

  bool is_static() const;     ///< all sizes are numbers
  Dim element_count() const;  ///< the product of all axes; 0 if one is 0
  std::vector<std::int64_t> at(const Bindings& bindings) const;

 private:
  std::vector<Dim> dims_;
};

std::string to_string(const Shape& shape);  ///< "[B,784]"

/// The type of a value: its dtype and logical shape, in row-major order. Physical layouts belong to the backend.
struct Type {
  DType dtype = DType::kF32;
  Shape shape;

  bool operator==(const Type&) const = default;
};

std::string to_string(const Type& type);  ///< "f32[B,784]", "f32[]" for a scalar

template <>
inline constexpr bool prints_by_to_string<DType> = true;
template <>
inline constexpr bool prints_by_to_string<Shape> = true;
template <>
inline constexpr bool prints_by_to_string<Type> = true;

}  // namespace sluice

template <>
struct fmt::formatter<sluice::DType> : sluice::ByToString<sluice::DType> {};
template <>
struct fmt::formatter<sluice::Shape> : sluice::ByToString<sluice::Shape> {};
template <>
struct fmt::formatter<sluice::Type> : sluice::ByToString<sluice::Type> {};
