#pragma once

#include <cmath>
#include <limits>
#include <type_traits>

namespace sluice {

/// The number `x` as it is shown to people: of a NaN fmt prints the sign, too, which means nothing and differs between
/// CPUs, engines and orders of operands. This gives for all of them the one that prints as "nan".
template <typename T>
T plain_nan(T x) {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(x)) return std::numeric_limits<T>::quiet_NaN();
  }
  return x;
}

}  // namespace sluice
