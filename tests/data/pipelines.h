#pragma once

#include <doctest/doctest.h>

#include <cstdint>
#include <vector>

#include "sluice/dataset.h"
#include "sluice/pipeline.h"

namespace sluice::test {

/// Example i has the input f32 {i, i + 1} and the target i32 3 i, so that mismatched rows are detected.
inline Dataset counting(std::int64_t size) {
  Array inputs(DType::kF32, {size, 2});
  Array targets(DType::kI32, {size});
  for (std::int64_t i = 0; i < size; ++i) {
    inputs.at<float>(i, 0) = static_cast<float>(i);
    inputs.at<float>(i, 1) = static_cast<float>(i + 1);
    targets.at<std::int32_t>(i) = static_cast<std::int32_t>(3 * i);
  }
  return {inputs, targets};
}

/// Returns the numbers of counting() examples, after checking that inputs and targets belong together.
inline std::vector<std::int64_t> numbers_of(const Examples& b) {
  std::vector<std::int64_t> numbers;
  for (std::int64_t row = 0; row < b.size(); ++row) {
    numbers.push_back(static_cast<std::int64_t>(b.target()(row)) / 3);
    REQUIRE(b.input()(row, 0) == static_cast<double>(numbers.back()));
    REQUIRE(b.input()(row, 1) == static_cast<double>(numbers.back() + 1));
  }
  return numbers;
}

inline std::vector<std::int64_t> numbers_of(const Pipeline& pipeline) {
  std::vector<std::int64_t> numbers;
  for (const Batch& b : pipeline.batches(3)) {
    for (const std::int64_t i : numbers_of(b)) numbers.push_back(i);
  }
  return numbers;
}

/// Returns copies of the arrays of all batches, inputs and targets.
inline std::vector<Array> all_arrays(Batches batches) {
  std::vector<Array> arrays;
  for (const Batch& b : batches) {
    for (const Array& array : b.inputs) arrays.push_back(array.clone());
    for (const Array& array : b.targets) arrays.push_back(array.clone());
  }
  return arrays;
}

}  // namespace sluice::test
