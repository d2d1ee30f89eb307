#pragma once

#include <vector>

#include "sluice/array.h"

namespace sluice::test {

/// The elements of an f32 array in row-major order.
inline std::vector<float> floats(const Array& array) {
  const auto elements = array.data<float>();
  return {elements.begin(), elements.end()};
}

}  // namespace sluice::test
