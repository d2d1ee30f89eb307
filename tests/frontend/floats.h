#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "sluice/array.h"

namespace sluice::test {

/// The elements of an f32 array in row-major order.
inline std::vector<float> floats(const Array& array) {
  const auto elements = array.data<float>();
  return {elements.begin(), elements.end()};
}

/// An array of bools.
inline Array bools(const std::vector<int>& values, std::vector<std::int64_t> sizes) {
  Array array(DType::kBool, std::move(sizes));
  for (std::size_t i = 0; i < values.size(); ++i) array.data<bool>()[i] = values[i] != 0;
  return array;
}

}  // namespace sluice::test
