#pragma once

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "sluice/frontend.h"

// Values and derivatives of functions of one tensor at given points.
namespace sluice::test {

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNaN = std::numeric_limits<float>::quiet_NaN();

/// Returns f(x) for a vector of f32.
template <typename F>
std::vector<float> values_of(F f, const std::vector<float>& x) {
  const Array result = function([f](Tensor in) { return f(in); })(Array(x, {static_cast<std::int64_t>(x.size())}));
  const auto elements = result.data<float>();
  return {elements.begin(), elements.end()};
}

/// Returns the derivatives of the sum of f(x) by each element of x.
template <typename F>
std::vector<float> slopes_of(F f, const std::vector<float>& x) {
  return values_of([f](const Tensor& in) { return gradients(reduce_sum(f(in)), in)[0]; }, x);
}

/// Whether each number is what is expected, relative to it by `tolerance`: also infinities, NaN and signs of zeros.
inline bool agree(const std::vector<float>& got, const std::vector<double>& expected, double tolerance = 5e-7) {
  if (got.size() != expected.size()) return false;
  bool all = true;
  for (std::size_t i = 0; i < got.size(); ++i) {
    const double e = expected[i];
    bool same = std::isnan(e) ? std::isnan(got[i]) : std::abs(got[i] - e) <= tolerance * std::abs(e);
    if (std::isinf(e)) same = got[i] == static_cast<float>(e);
    if (e == 0) same = got[i] == 0 && std::signbit(got[i]) == std::signbit(e);
    INFO(i, ": expected ", e, ", got ", got[i]);
    CHECK(same);
    all = all && same;
  }
  return all;
}

}  // namespace sluice::test
