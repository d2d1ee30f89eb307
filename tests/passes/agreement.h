#pragma once

#include <vector>

#include "ir/array.h"

namespace sluice::test {

/// Whether the elements are equal up to `tolerance`, relative for large numbers; NaN equals NaN and -0 equals 0. False
/// if the types differ.
bool same_values(const Array& x, const Array& y, double tolerance = 0);
bool same_values(const std::vector<Array>& x, const std::vector<Array>& y, double tolerance = 0);

}  // namespace sluice::test
