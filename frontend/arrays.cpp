#include "sluice/arrays.h"

#include <algorithm>
#include <span>
#include <utility>

#include "sluice/error.h"

namespace sluice {

Array zeros(std::vector<std::int64_t> sizes, DType dtype) { return Array(dtype, std::move(sizes)); }

Array ones(std::vector<std::int64_t> sizes, DType dtype) {
  Array result(dtype, std::move(sizes));
  visit_dtype(dtype, [&](auto zero) { std::ranges::fill(result.data<decltype(zero)>(), decltype(zero)(1)); });
  return result;
}

Array linspace(double start, double stop, std::int64_t count) {
  if (count < 1) fail("linspace: expected at least 1 number, got {}", count);
  Array result(DType::kF32, {count});
  const std::span<float> values = result.data<float>();
  for (std::size_t i = 0; i < values.size(); ++i) {
    const double part = count == 1 ? 0 : static_cast<double>(i) / static_cast<double>(count - 1);
    values[i] = static_cast<float>(start * (1 - part) + stop * part);
  }
  return result;
}

}  // namespace sluice
