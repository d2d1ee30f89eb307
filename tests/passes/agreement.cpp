#include "tests/passes/agreement.h"

#include <algorithm>
#include <cmath>

#include "ir/random_arrays.h"
#include "ir/random_graph.h"
#include "ir/reference/interpreter.h"
#include "passes/differentiate.h"

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

bool same_but_nan_bits(const std::vector<Array>& x, const std::vector<Array>& y) {
  return std::ranges::equal(x, y, [&](const Array& a, const Array& b) {
    if (a.type() != b.type()) return false;
    return visit_dtype(a.dtype(), [&](auto zero) {
      using T = decltype(zero);
      return std::ranges::equal(a.data<T>(), b.data<T>(), [&](const T& u, const T& v) {
        if constexpr (std::is_floating_point_v<T>) {
          if (std::isnan(u) && std::isnan(v)) return true;
        }
        return std::memcmp(&u, &v, sizeof(T)) == 0;
      });
    });
  });
}

bool same_bits(const ir::Graph& a, const ir::Graph& b, std::uint64_t seed) {
  const std::vector<Array> states = random_states(a, seed);
  for (const std::int64_t batch_size : {1, 3}) {
    const std::vector<Array> inputs = random_parameters(a, batch_size, seed + 1000);
    const ir::EvalResult first = ir::evaluate(a, inputs, states);
    const ir::EvalResult second = ir::evaluate(b, inputs, states);
    if (first.results != second.results || first.states != second.states) return false;
  }
  return true;
}

ir::Graph random_graph(std::uint64_t seed, int node_count) {
  return passes::differentiate(ir::random_graph(seed, node_count));
}

}  // namespace sluice::test
