// Sluice's names next to C++'s: both namespaces may be used at once.
#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <complex>
#include <functional>
#include <numeric>
#include <valarray>

#include "sluice/frontend.h"
#include "tests/frontend/engine.h"

namespace of_both {

using namespace sluice;
using namespace std;

double of_numbers() {
  return abs(-1) + abs(-1.5) + abs(-2.5F) + floor(2.5) + sqrt(4.0) + pow(2, 3) + exp(0.0) + log(1.0) + tanh(0.0) +
         expm1(0.0) + log1p(0.0);
}

// std::function is a class, so Sluice's function needs its namespace where both are used.
auto of_tensors() {
  return sluice::function("f", {f32(batch)}, [](Tensor x) {
    return abs(x) + floor(x) + sqrt(x) + pow(x, 2) + pow(2, x) + exp(x) + log(x) + tanh(x) + expm1(x) + log1p(x);
  });
}

}  // namespace of_both

namespace of_sluice {

using namespace sluice;

double of_numbers() { return abs(-1.5) + floor(2.5F) + tanh(0.F) + sluice::pow(2.0, 3); }

Dense layer() { return Dense(2, tanh); }

}  // namespace of_sluice

TEST_CASE("functions of numbers and of tensors by one name") {
  CHECK(of_both::of_numbers() == doctest::Approx(1 + 1.5 + 2.5 + 2 + 2 + 8 + 1));
  CHECK(of_sluice::of_numbers() == 1.5 + 2 + 8);
  const float x = 4;
  CHECK(of_both::of_tensors()({x})(0) == doctest::Approx(4 + 4 + 2 + 16 + 16 + std::exp(x) + std::log(x) +
                                                         std::tanh(x) + std::expm1(x) + std::log1p(x)));
  CHECK(of_sluice::layer().kind() == "dense");
}
