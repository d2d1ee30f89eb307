// Functions of floats that are ops or compositions: exact points, both tails, signs of zeros, derivatives.
#include "sluice/elementwise.h"

#include <numbers>

#include "tests/frontend/engine.h"
#include "tests/frontend/values.h"

using namespace sluice;
using sluice::test::agree;
using sluice::test::kInf;
using sluice::test::kNaN;
using sluice::test::slopes_of;
using sluice::test::values_of;

namespace {

using T = const Tensor&;
constexpr double kPi = std::numbers::pi;

}  // namespace

TEST_CASE("angles of any size are reduced exactly, and no lane disturbs another") {
  CHECK(agree(values_of([](T x) { return sin(x); }, {1e10F, 1e5F, kInf, -0.0F, kNaN}),
              {-0.48750602508751067, 0.03574879797201651, kNaN, -0.0, kNaN}));
  CHECK(agree(values_of([](T x) { return sin(x); }, {1.1754944e-38F, 1e8F, 1, 1}),
              {1.1754943508222875e-38, 0.931639027109726, 0.8414709848078965, 0.8414709848078965}));
  CHECK(agree(values_of([](T x) { return cos(x); }, {0, 1e10F, -1e5F, -kInf}),
              {1, 0.8731196226768561, -0.9993608074376452, kNaN}, 2e-6));
  CHECK(agree(values_of([](T x) { return tan(x); }, {-0.0F, 1, 1e8F}), {-0.0, 1.5574077246549023, -2.5637789067283774}));
  CHECK(agree(slopes_of([](T x) { return sin(x); }, {0, 1}), {1, 0.5403023058681398}));
  CHECK(agree(slopes_of([](T x) { return cos(x); }, {1}), {-0.8414709848078965}));
  CHECK(agree(slopes_of([](T x) { return tan(x); }, {0, 1}), {1, 3.4255188208147597}));
}

TEST_CASE("inverse functions are exact at their ends") {
  CHECK(agree(values_of([](T x) { return atan(x); }, {kInf, -kInf, -0.0F, 1}), {kPi / 2, -kPi / 2, -0.0, kPi / 4}));
  CHECK(agree(slopes_of([](T x) { return atan(x); }, {0, 1, 1e30F}), {1, 0.5, 0}));
  CHECK(agree(values_of([](T x) { return asin(x); }, {1, -1, 0.5F, 2}), {kPi / 2, -kPi / 2, kPi / 6, kNaN}));
  CHECK(agree(values_of([](T x) { return acos(x); }, {1, -1, 0.5F, 2}), {0, kPi, kPi / 3, kNaN}));
  CHECK(agree(values_of([](T x) { return asinh(x); }, {1e-8F, -1, 1e30F}),
              {1e-8, -0.881373587019543, 69.77069997025642}));
  CHECK(agree(slopes_of([](T x) { return asinh(x); }, {0, -1}), {1, 0.7071067811865475}));
  CHECK(agree(values_of([](T x) { return acosh(x); }, {1, 2, 1e30F, 0.5F}),
              {0, 1.3169578969248166, 69.77069997025642, kNaN}));
  CHECK(agree(values_of([](T x) { return atanh(x); }, {1, -1, 0.5F, -0.99F, 2}),
              {kInf, -kInf, 0.5493061443340549, -2.6466524123622457, kNaN}, 3e-6));
}

TEST_CASE("atan2 knows its quadrant") {
  const Array y(std::vector<float>{1, 1, -1, -1, 0, 0, kInf, 0, 1}, {9});
  const Array x(std::vector<float>{1, -1, 1, -1, -2, 2, kInf, 0, 0}, {9});
  const auto f = function([](Tensor a, Tensor b) {
    const Tensor angle = atan2(a, b);
    return outputs(angle, gradients(reduce_sum(angle), {a, b})[0], gradients(reduce_sum(angle), {a, b})[1]);
  });
  const auto [angle, by_y, by_x] = f(y, x);
  const auto list = [](const Array& a) { return std::vector<float>(a.data<float>().begin(), a.data<float>().end()); };
  CHECK(agree(list(angle), {kPi / 4, 3 * kPi / 4, -kPi / 4, -3 * kPi / 4, kPi, 0, kPi / 4, 0, kPi / 2}));
  CHECK(
      agree(list(by_y.reshaped({9})), {0.5, -0.5, 0.5, -0.5, -0.5, 0.5, list(by_y)[6], list(by_y)[7], list(by_y)[8]}));
  CHECK(list(by_x)[8] == -1);
  CHECK(list(by_x)[0] == -0.5F);
}

TEST_CASE("hyperbolic functions keep small numbers and overflow where they must") {
  CHECK(agree(values_of([](T x) { return sinh(x); }, {1e-8F, -0.0F, 1, -89, 90, -kInf}),
              {1e-8, -0.0, 1.1752011936438014, -2.2448061909016325e38, kInf, -kInf}));
  CHECK(agree(values_of([](T x) { return cosh(x); }, {0, 1, -89, 90}),
              {1, 1.5430806348152437, 2.2448061909016325e38, kInf}));
  CHECK(agree(slopes_of([](T x) { return sinh(x); }, {0, 1}), {1, 1.5430806348152437}));
  CHECK(agree(values_of([](T x) { return erfc(x); }, {0, 5, 9, -9, 20, kInf, -kInf}),
              {1, 1.5374597944280347e-12, 4.13703174651381e-37, 2, 0, 0, 2}));
  CHECK(agree(slopes_of([](T x) { return erfc(x); }, {0, 5}), {-1.1283791670955126, -1.5670866531017335e-11}));
}

TEST_CASE("rounding to whole numbers: four ways") {
  const std::vector<float> x{-2.5F, -1.5F, -0.5F, -0.0F, 0.4F, 0.5F, 1.5F, 2.5F, 8388609, 1e30F, -kInf, kNaN};
  CHECK(agree(values_of([](T t) { return round(t); }, x), {-2, -2, -0.0, -0.0, 0, 0, 2, 2, 8388609, 1e30F, -kInf, kNaN},
              0));
  CHECK(agree(values_of([](T t) { return ceil(t); }, x), {-2, -1, -0.0, -0.0, 1, 1, 2, 3, 8388609, 1e30F, -kInf, kNaN},
              0));
  CHECK(agree(values_of([](T t) { return floor(t); }, x), {-3, -2, -1, -0.0, 0, 0, 1, 2, 8388609, 1e30F, -kInf, kNaN},
              0));
  CHECK(agree(values_of([](T t) { return trunc(t); }, x), {-2, -1, -0.0, -0.0, 0, 0, 1, 2, 8388609, 1e30F, -kInf, kNaN},
              0));
  for (const float slope : slopes_of([](T t) { return round(t) + ceil(t) + trunc(t); }, {0.3F, -1.7F}))
    CHECK(slope == 0);
}

TEST_CASE("isnan, isinf and isfinite survive every rewrite") {
  const auto as_number = [](T condition) { return cast(condition, DType::kF32); };
  const std::vector<float> x{kNaN, kInf, -kInf, 0, -1e38F};
  CHECK(agree(values_of([&](T t) { return as_number(isnan(t)); }, x), {1, 0, 0, 0, 0}));
  CHECK(agree(values_of([&](T t) { return as_number(isinf(t)); }, x), {0, 1, 1, 0, 0}));
  CHECK(agree(values_of([&](T t) { return as_number(isfinite(t)); }, x), {0, 0, 0, 1, 1}));
}

TEST_CASE("mod of floats has the divisor's sign") {
  CHECK(agree(values_of([](T x) { return mod(x, 2); }, {-7, 7, 0.5F, -0.25F}), {1, 1, 0.5, 1.75}));
  CHECK(agree(values_of([](T x) { return mod(x, -3); }, {-7, 7}), {-1, -2}));
  CHECK(agree(values_of([](T x) { return mod(x, 0.1F); }, {1}), {std::fmod(1.0, static_cast<double>(0.1F))}));
  CHECK(agree(slopes_of([](T x) { return mod(x, 2); }, {-7, 0.5F}), {1, 1}));
}

TEST_CASE("logarithms of other bases") {
  CHECK(agree(values_of([](T x) { return log2(x); }, {8, 0.125F, 0}), {3, -3, -kInf}));
  CHECK(agree(values_of([](T x) { return log10(x); }, {1000, 1}), {3, 0}));
  CHECK(agree(values_of([](T x) { return reciprocal(x); }, {4, -0.0F}), {0.25, -kInf}));
}

TEST_CASE("numbers keep their own functions under using namespace sluice") {
  CHECK(sin(0.0) == 0);
  CHECK(round(2.5) == 3);
  CHECK(isnan(std::nan("")));
  CHECK(atan2(0.0, -1.0) == doctest::Approx(kPi));
  CHECK(log2(8.0F) == 3);
}
