#include "ir/reference/tensor.h"

#include <algorithm>

namespace sluice::ir::reference {

std::int64_t count_of(const Sizes& sizes) {
  std::int64_t count = 1;
  for (const std::int64_t size : sizes) count *= size;
  return count;
}

Sizes strides_of(const Sizes& sizes) {
  Sizes strides(sizes.size(), 1);
  for (std::size_t axis = sizes.size(); axis > 1; --axis) strides[axis - 2] = strides[axis - 1] * sizes[axis - 1];
  return strides;
}

Tensor Tensor::from(const Array& array, Arithmetic arithmetic) {
  return visit_dtype(array.dtype(), [&](auto zero) {
    const auto source = array.data<decltype(zero)>();
    return visit_element(arithmetic, array.dtype(), [&](auto wanted) {
      using T = decltype(wanted);
      Tensor tensor = zeros<T>(array.sizes());
      std::ranges::transform(source, tensor.data<T>().begin(), [](auto x) { return element<T>(x); });
      return tensor;
    });
  });
}

std::shared_ptr<void> Tensor::owned(void* elements, void (*release)(void*)) { return {elements, release}; }

Tensor Tensor::reshaped(Sizes sizes) const {
  SLUICE_CHECK(count_of(sizes) == static_cast<std::int64_t>(count_), "{} elements", count_);
  Tensor tensor = *this;
  tensor.sizes_ = std::move(sizes);
  return tensor;
}

Array Tensor::to_array(DType dtype) const {
  return visit_dtype(dtype, [&](auto zero) {
    using T = decltype(zero);
    Array array(dtype, sizes_);
    visit([&](auto source) {
      std::ranges::transform(source, array.data<T>().begin(), [](auto x) { return element<T>(x); });
    });
    return array;
  });
}

Array Tensor::tangents() const {
  Array array(DType::kF64, sizes_);
  if (!std::holds_alternative<Dual*>(elements_)) return array;
  std::ranges::transform(data<Dual>(), array.data<double>().begin(), &Dual::tangent);
  return array;
}

Tensor Tensor::with_tangents(const Array& tangents) const {
  const auto given = tangents.data<double>();
  Tensor tensor = zeros<Dual>(sizes_);
  const auto to = tensor.data<Dual>();
  visit([&](auto source) {
    for (std::size_t i = 0; i < to.size(); ++i) to[i] = Dual(element<double>(source[i]), given[i]);
  });
  return tensor;
}

}  // namespace sluice::ir::reference
