#pragma once

#include <cmath>
#include <limits>
#include <type_traits>

namespace sluice {

/// Returns `x` for display. fmt prints the sign of a NaN, which means nothing and differs between CPUs, engines and
/// operand orders; this maps all of them to the one that prints as "nan".
template <typename T>
T plain_nan(T x) {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(x)) return std::numeric_limits<T>::quiet_NaN();
  }
  return x;
}

}  // namespace sluice
