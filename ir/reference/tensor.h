#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "ir/reference/dual.h"
#include "sluice/array.h"

namespace sluice::ir::reference {

using Sizes = std::vector<std::int64_t>;

/// The representation of a graph's floats; integers and bools are always themselves.
enum class Arithmetic : std::uint8_t {
  kAsWritten,  ///< f32 as float, f64 as double
  kDouble,     ///< both as double
  kDual,       ///< both as Dual
};

template <typename T>
inline constexpr bool is_float_element =
    std::is_same_v<T, float> || std::is_same_v<T, double> || std::is_same_v<T, Dual>;
template <typename T>
inline constexpr bool is_integer_element = std::is_integral_v<T> && !std::is_same_v<T, bool>;

/// Calls `f` with a value of the C++ type that represents `dtype`.
template <typename F>
decltype(auto) visit_element(Arithmetic arithmetic, DType dtype, F&& f) {
  if (is_float(dtype) && arithmetic == Arithmetic::kDual) return f(Dual{});
  if (is_float(dtype) && arithmetic == Arithmetic::kDouble) return f(double{});
  return visit_dtype(dtype, f);
}

/// Converts a number to another type, without the rules of the op `cast`: for values that are known to fit.
template <typename T, typename Number>
T element(Number number) {
  if constexpr (std::is_same_v<Number, T>) {
    return number;
  } else if constexpr (std::is_same_v<Number, Dual>) {
    return static_cast<T>(number.value);
  } else if constexpr (std::is_same_v<T, Dual>) {
    return Dual(static_cast<double>(number));
  } else {
    return static_cast<T>(number);
  }
}

std::int64_t count_of(const Sizes& sizes);
/// Returns the distance between neighbors along each axis of a row-major array.
Sizes strides_of(const Sizes& sizes);

/// A value during evaluation: sizes and row-major elements, which copies share.
class Tensor {
 public:
  Tensor() = default;
  template <typename T>
  static Tensor zeros(Sizes sizes) {
    Tensor tensor;
    tensor.count_ = static_cast<std::size_t>(count_of(sizes));
    T* const elements = new T[tensor.count_]();
    tensor.elements_ = elements;
    tensor.memory_ = owned(elements, [](void* p) { delete[] static_cast<T*>(p); });
    tensor.sizes_ = std::move(sizes);
    return tensor;
  }
  static Tensor from(const Array& array, Arithmetic arithmetic);

  const Sizes& sizes() const { return sizes_; }
  std::size_t count() const { return count_; }
  template <typename T>
  std::span<T> data() {
    return {std::get<T*>(elements_), count_};
  }
  template <typename T>
  std::span<const T> data() const {
    return {std::get<T*>(elements_), count_};
  }
  /// Returns the same elements with other sizes of the same count.
  Tensor reshaped(Sizes sizes) const;

  /// Calls `f` with the elements as a span of their C++ type.
  template <typename F>
  decltype(auto) visit(F&& f) const {
    return std::visit([&]<typename T>(const T* elements) { return f(std::span<const T>(elements, count_)); },
                      elements_);
  }

  /// Returns the elements rounded to `dtype`, which is this tensor's own except for the width of floats; duals without
  /// their tangents.
  Array to_array(DType dtype) const;
  /// Returns the tangents as f64; zeros if the elements are not duals.
  Array tangents() const;
  /// Returns a tensor of duals with these tangents (f64, one per element).
  Tensor with_tangents(const Array& tangents) const;

 private:
  /// One kind of control block for all element types: of the shared_ptr<T[]> that generic lambdas make, Clang 19 leaves
  /// out the destructors.
  static std::shared_ptr<void> owned(void* elements, void (*release)(void*));

  Sizes sizes_;
  std::size_t count_ = 0;
  std::shared_ptr<void> memory_;
  std::variant<float*, double*, Dual*, std::int32_t*, std::int64_t*, std::uint8_t*, bool*> elements_;
};

/// Calls `f(offset)` for each index into `sizes` in row-major order; the offset is the sum of index[axis] *
/// strides[axis]. A stride of 0 repeats or folds an axis.
template <typename F>
void for_each_offset(const Sizes& sizes, const Sizes& strides, F f) {
  if (count_of(sizes) == 0) return;
  Sizes index(sizes.size(), 0);
  std::int64_t offset = 0;
  while (true) {
    f(static_cast<std::size_t>(offset));
    std::size_t axis = sizes.size();
    while (axis > 0) {
      --axis;
      offset += strides[axis];
      if (++index[axis] < sizes[axis]) break;
      offset -= strides[axis] * sizes[axis];
      index[axis] = 0;
      if (axis == 0) return;
    }
    if (sizes.empty()) return;
  }
}

}  // namespace sluice::ir::reference
