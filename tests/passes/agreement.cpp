#include "tests/passes/agreement.h"

#include <algorithm>
#include <cmath>

namespace sluice::test {

bool same_values(const Array& x, const Array& y, double tolerance) {
  if (x.type() != y.type()) return false;
  return visit_dtype(x.dtype(), [&](auto zero) {
    using T = decltype(zero);
    return std::ranges::equal(x.data<T>(), y.data<T>(), [&](T a, T b) {
      const auto u = static_cast<double>(a);
      const auto v = static_cast<double>(b);
      return u == v || (std::isnan(u) && std::isnan(v)) || std::abs(u - v) <= tolerance * (1 + std::abs(v));
    });
  });
}

bool same_values(const std::vector<Array>& x, const std::vector<Array>& y, double tolerance) {
  return std::ranges::equal(x, y, [&](const Array& a, const Array& b) { return same_values(a, b, tolerance); });
}

}  // namespace sluice::test
