#pragma once

#include <cstdint>
#include <vector>

#include "sluice/array.h"

// Host arrays, by NumPy's names, for initial values of variables and as arguments of functions.
namespace sluice {

/// Return arrays of zeros and of ones. Throw Error for a negative size.
Array zeros(std::vector<std::int64_t> sizes, DType dtype = DType::kF32);
Array ones(std::vector<std::int64_t> sizes, DType dtype = DType::kF32);

/// Returns f32[count], evenly spaced numbers from `start` to `stop`, both included (only `start` if count is 1). Throws
/// Error unless count >= 1.
Array linspace(double start, double stop, std::int64_t count);

}  // namespace sluice
