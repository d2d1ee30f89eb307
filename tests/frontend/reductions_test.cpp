// Reductions composed of sums and maxima.
#include "sluice/reductions.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "sluice/array_ops.h"
#include "tests/frontend/engine.h"
#include "tests/frontend/floats.h"
#include "tests/frontend/misuse.h"
#include "tests/frontend/run.h"

namespace sluice::reductions_test {

using namespace sluice::test;
using F = std::vector<float>;
using I = std::vector<std::int64_t>;
using D = std::vector<double>;

constexpr float kInf = std::numeric_limits<float>::infinity();
const float kNan = std::nanf("");

template <typename T>
std::int64_t least(const std::vector<T>& x) {
  return run([](Tensor t) { return argmin(t, 0); }, Array(x)).template item<std::int64_t>();
}

TEST_CASE("argmin of every dtype, also at the ends of the range") {
  constexpr std::int32_t kLeast = std::numeric_limits<std::int32_t>::min();
  constexpr std::int64_t kLeast64 = std::numeric_limits<std::int64_t>::min();
  CHECK(least<float>({3, -1, 2, -1}) == 1);
  CHECK(least<double>({3, 1, -2}) == 2);
  CHECK(least<std::int32_t>({5, kLeast, kLeast + 1, std::numeric_limits<std::int32_t>::max()}) == 1);
  CHECK(least<std::int64_t>({0, std::numeric_limits<std::int64_t>::max(), kLeast64, kLeast64}) == 2);
  CHECK(least<std::uint8_t>({200, 3, 0, 255}) == 2);
  CHECK(least<std::uint8_t>({255, 128, 127}) == 2);
}

TEST_CASE("argmin takes the first of equals and the first NaN, as argmax does") {
  CHECK(least<float>({0.F, -0.F}) == 0);
  CHECK(least<float>({4, kNan, -kInf, kNan}) == 1);
  CHECK(least<float>({kInf, kInf}) == 0);
  CHECK(least<float>({1, -kInf, -kInf}) == 1);
  const Array x({{3.F, 1.F, 2.F}, {0.F, 5.F, -1.F}});
  CHECK(run([](Tensor t) { return argmin(t, -1); }, x) == Array(I{1, 2}, {2}));
  CHECK(run([](Tensor t) { return argmin(t, 0); }, x) == Array(I{1, 0, 1}, {3}));
  for (const std::int64_t n : {1, 7, 16, 17, 65}) {
    Array long_one(DType::kF32, {n});
    for (std::int64_t i = 0; i < n; ++i) long_one.at<float>(i) = static_cast<float>(n - i);
    CHECK(run([](Tensor t) { return argmin(t, 0); }, long_one).item<std::int64_t>() == n - 1);
  }
}

TEST_CASE("products") {
  for (const std::int64_t n : {0, 1, 2, 3, 4, 5, 7, 8, 9}) {
    Array x(DType::kI64, {2, n, 2});
    for (std::size_t i = 0; i < x.data<std::int64_t>().size(); ++i)
      x.data<std::int64_t>()[i] = static_cast<std::int64_t>(i % 5) - 2;
    const Array got = run([](Tensor t) { return reduce_prod(t, 1); }, x);
    for (const int i : {0, 1}) {
      for (const int j : {0, 1}) {
        double product = 1;
        for (std::int64_t k = 0; k < n; ++k) product *= x(i, k, j);
        CHECK(got(i, j) == product);
      }
    }
  }
  const Array x = run([](Tensor t) { return t + 1; }, counted(DType::kF32, {2, 3, 2}));
  CHECK(run([](Tensor t) { return reduce_prod(t); }, x).item<float>() == 479001600.F);
  CHECK(run(
            [](Tensor t) {
              return reduce_prod(t, {0, 2});
            },
            x) == Array({1.F * 2 * 7 * 8, 3.F * 4 * 9 * 10, 5.F * 6 * 11 * 12}));
  CHECK(run([](Tensor t) { return reduce_prod(t, {0, 2}, {.keepdims = true}); }, x).sizes() == I{1, 3, 1});
  CHECK(run([](Tensor t) { return reduce_prod(t, {2, 1}); }, x) == Array({720.F, 665280.F}));
  CHECK(run([](Tensor t) { return reduce_prod(t); }, Array::scalar(3.F)) == Array::scalar(3.F));
  CHECK(run([](Tensor t) { return reduce_prod(t, 0); }, Array(DType::kI32, {0, 2})) == Array({1, 1}));
  CHECK(run([](Tensor t) { return reduce_prod(t, 1); }, Array(DType::kF32, {0, 2})).sizes() == I{0});
  CHECK(run([](Tensor t) { return reduce_prod(t); }, Array(std::vector<std::uint8_t>{16, 17}, {2})).item<int>() == 16);
  CHECK(std::isnan(run([](Tensor t) { return reduce_prod(t); }, Array({0.F, kInf, 1.F})).item<float>()));
}

TEST_CASE("the derivative of a product does not divide by its elements") {
  const auto product = [](const Tensor& t) { return reduce_prod(t); };
  CHECK(gradient_of(product, Array({2.F, 0.F, 3.F, 4.F})) == Array({0.F, 24.F, 0.F, 0.F}));
  CHECK(gradient_of(product, Array({0.F, 0.F, 3.F})) == Array({0.F, 0.F, 0.F}));
  CHECK(gradient_of(product, Array({1e-30F, 2.F})) == Array({2.F, 1e-30F}));
  CHECK(gradient_of(product, Array(DType::kF32, {0})).sizes() == I{0});
  const auto host = [](const D& x) { return D{x[0] * x[2] * x[4], x[1] * x[3] * x[5]}; };
  Array x = pattern({3, 2});
  check_derivatives_of([](const Tensor& t) { return reduce_prod(t, 0); }, x, 2, host);
  x.at<float>(1, 0) = 0;
  x.at<float>(2, 1) = 0;
  x.at<float>(0, 1) = 0;
  check_derivatives_of([](const Tensor& t) { return reduce_prod(t, 0); }, x, 2, host);
}

TEST_CASE("any and all") {
  const Array x = bools({0, 1, 0, 0, 1, 1}, {2, 3});
  CHECK(run([](Tensor t) { return reduce_any(t); }, x).item<bool>());
  CHECK_FALSE(run([](Tensor t) { return reduce_all(t); }, x).item<bool>());
  CHECK(run([](Tensor t) { return reduce_any(t, 0); }, x) == bools({0, 1, 1}, {3}));
  CHECK(run([](Tensor t) { return reduce_all(t, 0); }, x) == bools({0, 1, 0}, {3}));
  CHECK(run([](Tensor t) { return reduce_all(t, 1, {.keepdims = true}); }, x) == bools({0, 0}, {2, 1}));
  CHECK(run([](Tensor t) { return reduce_any(t, 0); }, Array(DType::kBool, {0, 2})) == bools({0, 0}, {2}));
  CHECK(run([](Tensor t) { return reduce_all(t, 0, {.keepdims = true}); }, Array(DType::kBool, {0, 2})) ==
        bools({1, 1}, {1, 2}));
  CHECK(run([](Tensor t) { return reduce_all(t, 1); }, Array(DType::kBool, {0, 2})).sizes() == I{0});
  // 256 bools that hold: as bytes, their sum would be 0.
  for (const std::int64_t n : {1, 3, 64, 255, 256, 257}) {
    Array many(DType::kBool, {n});
    for (bool& element : many.data<bool>()) element = true;
    CHECK(run([](Tensor t) { return reduce_any(t); }, many).item<bool>());
    CHECK(run([](Tensor t) { return reduce_all(t); }, many).item<bool>());
    many.at<bool>(n - 1) = false;
    CHECK(run([](Tensor t) { return reduce_any(t); }, many).item<bool>() == (n > 1));
    CHECK_FALSE(run([](Tensor t) { return reduce_all(t); }, many).item<bool>());
  }
}

float logsumexp(const F& x) {
  return run([](Tensor t) { return reduce_logsumexp(t); }, Array(x)).item<float>();
}

TEST_CASE("logsumexp neither overflows nor subtracts infinities") {
  CHECK(logsumexp({0, 0}) == doctest::Approx(std::log(2.0)));
  CHECK(logsumexp({1000, 1000}) == doctest::Approx(1000 + std::log(2.0)));
  CHECK(logsumexp({-1000, -1000, -1000}) == doctest::Approx(-1000 + std::log(3.0)));
  CHECK(logsumexp({-kInf, -kInf}) == -kInf);
  CHECK(logsumexp({-kInf, 2}) == 2);
  CHECK(logsumexp({kInf, 1}) == kInf);
  CHECK(logsumexp({kInf, -kInf}) == kInf);
  CHECK(std::isnan(logsumexp({kNan, 1})));
  CHECK(std::isnan(logsumexp({kNan, kInf})));
  CHECK(run([](Tensor t) { return reduce_logsumexp(t) == -kInf; }, Array(DType::kF32, {0})).item<bool>());
  const Array x({{1.F, 2.F}, {3.F, 4.F}});
  CHECK(run([](Tensor t) { return reduce_logsumexp(t, 1, {.keepdims = true}); }, x).sizes() == I{2, 1});
  CHECK(run(
            [](Tensor t) {
              return reduce_logsumexp(t, {0, 1});
            },
            x)
            .item<float>() == doctest::Approx(std::log(std::exp(1.0) + std::exp(2.0) + std::exp(3.0) + std::exp(4.0))));
  const auto rows = [](const Tensor& t) { return reduce_logsumexp(t, 1); };
  CHECK(gradient_of(rows, Array({{-kInf, -kInf}, {0.F, -kInf}})) == Array({{0.F, 0.F}, {1.F, 0.F}}));
  CHECK(gradient_of(rows, Array({{500.F, 500.F}})) == Array({{0.5F, 0.5F}}));
  check_derivatives_of(rows, pattern({2, 3}), 2, [](const D& v) {
    return D{std::log(std::exp(v[0]) + std::exp(v[1]) + std::exp(v[2])),
             std::log(std::exp(v[3]) + std::exp(v[4]) + std::exp(v[5]))};
  });
}

TEST_CASE("norms") {
  const Array x({{3.F, -4.F}, {0.F, 0.F}, {-5.F, 12.F}});
  CHECK(run([](Tensor t) { return norm(t, 1); }, x) == Array({5.F, 0.F, 13.F}));
  CHECK(run([](Tensor t) { return norm(t, 1, {.ord = 1}); }, x) == Array({7.F, 0.F, 17.F}));
  CHECK(run([](Tensor t) { return norm(t, 1, {.ord = INFINITY}); }, x) == Array({4.F, 0.F, 12.F}));
  CHECK(run([](Tensor t) { return norm(t, 1, {.keepdims = true}); }, x).sizes() == I{3, 1});
  CHECK(run([](Tensor t) { return norm(t); }, x).item<float>() == doctest::Approx(std::sqrt(194.0)));
  for (const double ord : {1.0, 2.0, double{INFINITY}}) {
    CHECK(run([=](Tensor t) { return norm(t, 1, {.ord = ord}); }, Array(DType::kF32, {2, 0})) == Array({0.F, 0.F}));
  }
  const auto of = [](const F& v) { return run([](Tensor t) { return norm(t); }, Array(v)).item<float>(); };
  CHECK(of({3e30F, 4e30F}) == doctest::Approx(5e30F));
  CHECK(of({3e-30F, 4e-30F}) == doctest::Approx(5e-30F));
  CHECK(of({1, -kInf}) == kInf);
  CHECK(std::isnan(of({1, kNan})));
  CHECK(std::isnan(of({kInf, kNan})));
}

TEST_CASE("the derivative of a norm at zeros is 0") {
  for (const double ord : {1.0, 2.0, double{INFINITY}}) {
    const auto length = [=](const Tensor& t) { return norm(t, -1, {.ord = ord}); };
    CHECK(gradient_of(length, Array({0.F, 0.F})) == Array({0.F, 0.F}));
  }
  const auto length = [](const Tensor& t) { return norm(t, -1); };
  const auto curvature = [&](const Tensor& t) {
    return gradients(reduce_sum(square(gradients(reduce_sum(length(t)), t)[0]) + t), t)[0];
  };
  CHECK(run(curvature, Array({0.F, 0.F})) == Array({1.F, 1.F}));
  const Array slope = gradient_of(length, Array({{0.F, 0.F}, {3.F, 4.F}, {3e30F, 4e30F}}));
  CHECK(slope(0, 1) == 0);
  CHECK(slope(1, 0) == doctest::Approx(0.6));
  CHECK(slope(2, 1) == doctest::Approx(0.8));
  check_derivatives_of(length, pattern({2, 3}), 2, [](const D& v) {
    return D{std::sqrt(v[0] * v[0] + v[1] * v[1] + v[2] * v[2]), std::sqrt(v[3] * v[3] + v[4] * v[4] + v[5] * v[5])};
  });
}

TEST_CASE("standard deviations") {
  const auto of = [](const F& v) { return run([](Tensor t) { return reduce_std(t); }, Array(v)).item<float>(); };
  CHECK(of({1, 2, 3, 4}) == doctest::Approx(std::sqrt(1.25)));
  CHECK(of({1e4F, 1e4F + 1, 1e4F + 2, 1e4F + 3}) == doctest::Approx(std::sqrt(1.25)));
  CHECK(of({7, 7, 7}) == 0);
  CHECK(of({-1e30F, 1e30F}) == doctest::Approx(1e30F));
  CHECK(std::isnan(of({1, kNan})));
  CHECK(std::isnan(of({1, kInf})));
  CHECK(run([](Tensor t) { return reduce_std(t) != reduce_std(t); }, Array(DType::kF32, {0})).item<bool>());
  const Array x({{1.F, 3.F}, {5.F, 5.F}});
  CHECK(run([](Tensor t) { return reduce_std(t, 1); }, x) == Array({1.F, 0.F}));
  CHECK(run([](Tensor t) { return reduce_std(t, 1, {.keepdims = true}); }, x).sizes() == I{2, 1});
  const auto rows = [](const Tensor& t) { return reduce_std(t, 1); };
  CHECK(gradient_of(rows, x) == Array({{-0.5F, 0.5F}, {0.F, 0.F}}));
  check_derivatives_of(rows, pattern({2, 3}), 2, [](const D& v) {
    D result;
    for (const std::size_t i : {0U, 3U}) {
      const double mean = (v[i] + v[i + 1] + v[i + 2]) / 3;
      double sum = 0;
      for (const std::size_t j : {0U, 1U, 2U}) sum += std::pow(v[i + j] - mean, 2);
      result.push_back(std::sqrt(sum / 3));
    }
    return result;
  });
}

TEST_CASE("f64") {
  const Array x({1e200, -2e200, 2e200});
  CHECK(run([](Tensor t) { return norm(t); }, x).item<double>() == doctest::Approx(3e200));
  CHECK(run([](Tensor t) { return reduce_logsumexp(t / 1e200); }, x).item<double>() ==
        doctest::Approx(std::log(std::exp(1) + std::exp(-2) + std::exp(2))));
  CHECK(run([](Tensor t) { return reduce_prod(t / 1e200); }, x).item<double>() == -4);
}

TEST_CASE("symbolic sizes, also an axis that is empty in a call") {
  const Dim t = length("T");
  const auto f = function("f", {f32(batch, t)}, [](Tensor x) {
    const Tensor rest = slice(x, {0, 1}, {-1, -1});
    return outputs(argmin(x, 0), reduce_any(rest > 2, 1), reduce_all(rest > 2, 1), reduce_logsumexp(x, 0),
                   norm(rest, 1), reduce_std(x), reduce_prod(stack({x, x}), 0));
  });
  for (const std::int64_t b : {1, 3, 64, 128}) {
    for (const std::int64_t n : {1, 2, 5}) {
      Array x(DType::kF32, {b, n});
      for (std::int64_t i = 0; i < b; ++i) {
        for (std::int64_t j = 0; j < n; ++j) x.at<float>(i, j) = static_cast<float>((b - i) % 5 + j);
      }
      const auto [first, any, all, logs, lengths, deviation, squares] = f(x);
      const std::int64_t i = b - 1;
      CHECK(any.sizes() == I{b});
      CHECK(first(0) == (b == 1 ? 0 : b > 5 ? b % 5 : 2));
      CHECK(any(i) == (x(i, n - 1) > 2 && n > 1));
      CHECK(all(i) == (n == 1 || x(i, 1) > 2));
      double squared = 0;
      for (std::int64_t j = 1; j < n; ++j) squared += x(i, j) * x(i, j);
      CHECK(lengths(i) == doctest::Approx(std::sqrt(squared)));
      double sum = 0;
      for (std::int64_t k = 0; k < b; ++k) sum += std::exp(x(k, 0));
      CHECK(logs(0) == doctest::Approx(std::log(sum)));
      if (b * n == 1) CHECK(deviation.item<float>() == 0);
      CHECK(squares(i, n - 1) == x(i, n - 1) * x(i, n - 1));
    }
  }
  CHECK(f.traces() == 1);
}

TEST_CASE("what is refused") {
  CHECK(traced({bool_(2)}, [](Tensor x) { return argmin(x, 0); }) == here("argmin: expected numbers, got bool[2]"));
  CHECK(traced({f32(2, 0)}, [](Tensor x) { return argmin(x, 1); }) ==
        here("argmin: no element along axis 1 of f32[2,0]"));
  CHECK(traced({f32(2)}, [](Tensor x) { return argmin(x, 1); }) == here("argmin: axis 1 is outside of f32[2]"));
  CHECK(traced({bool_(2)}, [](Tensor x) { return reduce_prod(x); }) ==
        here("reduce_prod: expected numbers, got bool[2]"));
  CHECK(traced({f32(batch, 2)}, [](Tensor x) {
          return reduce_prod(x);
        }).starts_with(here("reduce_prod: axis 0 of f32[B,2] has the size B, which is not a number")));
  CHECK(traced({f32(2)}, [](Tensor x) { return reduce_any(x); }) == here("reduce_any: expected bools, got f32[2]"));
  CHECK(traced({u8(2)}, [](Tensor x) { return reduce_all(x); }) == here("reduce_all: expected bools, got u8[2]"));
  CHECK(traced({i32(2)}, [](Tensor x) { return reduce_logsumexp(x); }) ==
        here("reduce_logsumexp: expected floats, got i32[2]"));
  CHECK(traced({i32(2)}, [](Tensor x) { return norm(x); }) == here("norm: expected floats, got i32[2]"));
  CHECK(traced({f32(2)}, [](Tensor x) { return norm(x, 0, {.ord = 3}); }) ==
        here("norm: ord is 1, 2 or infinity, got 3"));
  CHECK(traced({i32(2)}, [](Tensor x) { return reduce_std(x); }) == here("reduce_std: expected floats, got i32[2]"));
  CHECK(traced({f32(2)}, [](Tensor x) { return norm(x, {0, 0}); }) == here("norm: an axis is named twice in [0,0]"));
}

}  // namespace sluice::reductions_test
