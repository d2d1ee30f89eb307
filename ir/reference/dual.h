#pragma once

#include <cmath>

namespace sluice::ir::reference {

/// Returns `factor * tangent`, but a tangent of 0 stays 0 whatever the factor: whatever does not depend on the input
/// has no derivative, even if the factor is infinite or NaN.
inline double chain(double factor, double tangent) { return tangent == 0 ? 0 : factor * tangent; }

/// A value and its derivative along one direction: forward-mode differentiation, with one rule per function.
struct Dual {
  double value = 0;
  double tangent = 0;

  Dual() = default;
  explicit Dual(double v, double t = 0) : value(v), tangent(t) {}
};

inline Dual operator-(Dual x) { return Dual(-x.value, -x.tangent); }
inline Dual operator+(Dual x, Dual y) { return Dual(x.value + y.value, x.tangent + y.tangent); }
inline Dual operator-(Dual x, Dual y) { return Dual(x.value - y.value, x.tangent - y.tangent); }
inline Dual operator*(Dual x, Dual y) {
  return Dual(x.value * y.value, chain(y.value, x.tangent) + chain(x.value, y.tangent));
}
inline Dual operator/(Dual x, Dual y) {
  return Dual(x.value / y.value, chain(1 / y.value, x.tangent) - chain(x.value / y.value / y.value, y.tangent));
}

// Order and equality compare the values.
inline bool operator==(Dual x, Dual y) { return x.value == y.value; }
inline bool operator!=(Dual x, Dual y) { return x.value != y.value; }
inline bool operator<(Dual x, Dual y) { return x.value < y.value; }
inline bool operator<=(Dual x, Dual y) { return x.value <= y.value; }
inline bool operator>(Dual x, Dual y) { return x.value > y.value; }
inline bool operator>=(Dual x, Dual y) { return x.value >= y.value; }
inline bool isnan(Dual x) { return std::isnan(x.value); }

inline Dual sqrt(Dual x) { return Dual(std::sqrt(x.value), chain(0.5 / std::sqrt(x.value), x.tangent)); }
inline Dual floor(Dual x) { return Dual(std::floor(x.value)); }
inline Dual nearbyint(Dual x) { return Dual(std::nearbyint(x.value)); }
/// As in the row of `pow`: d/dx is 0 where y is 0, and d/dy is 0 unless x > 0.
inline Dual pow(Dual x, Dual y) {
  const double value = y.value == 0 ? 1 : std::pow(x.value, y.value);
  const double by_x = y.value == 0 ? 0 : y.value * std::pow(x.value, y.value - 1);
  const double by_y = x.value > 0 ? value * std::log(x.value) : 0;
  return Dual(value, chain(by_x, x.tangent) + chain(by_y, y.tangent));
}

}  // namespace sluice::ir::reference
