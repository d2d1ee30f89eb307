#pragma once

#include <cstdint>

#include "ir/array.h"

// Arrays of the host, by NumPy's names, to call functions with.
namespace sluice {

/// f32[count]: evenly spaced numbers from `start` to `stop`, both included (`start` alone if there is one). Throws
/// Error unless count >= 1.
Array linspace(double start, double stop, std::int64_t count);

}  // namespace sluice
