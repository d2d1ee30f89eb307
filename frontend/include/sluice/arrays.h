#pragma once

#include <cstdint>
#include <vector>

#include "sluice/array.h"

// Arrays of the host, by NumPy's names, for variables to begin as and to call functions with.
namespace sluice {

/// Arrays of zeros and of ones. Throw Error for a negative size.
Array zeros(std::vector<std::int64_t> sizes, DType dtype = DType::kF32);
Array ones(std::vector<std::int64_t> sizes, DType dtype = DType::kF32);

/// f32[count]: evenly spaced numbers from `start` to `stop`, both included (`start` alone if there is one). Throws
/// Error unless count >= 1.
Array linspace(double start, double stop, std::int64_t count);

}  // namespace sluice
