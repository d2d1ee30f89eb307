// Running sums and products.
#include "sluice/cumulative.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "tests/frontend/engine.h"
#include "tests/frontend/misuse.h"
#include "tests/frontend/run.h"

namespace sluice::cumulative_test {

using namespace sluice::test;
using F = std::vector<float>;
using I = std::vector<std::int64_t>;
using D = std::vector<double>;

constexpr float kInf = std::numeric_limits<float>::infinity();
const float kNan = std::nanf("");
constexpr CumulativeOptions kExclusive{.exclusive = true};
constexpr CumulativeOptions kReverse{.reverse = true};
constexpr CumulativeOptions kBoth{.exclusive = true, .reverse = true};
constexpr CumulativeOptions kAllOptions[] = {{}, kExclusive, kReverse, kBoth};

/// The definition, one element after the other.
template <typename T>
std::vector<T> accumulated(const std::vector<T>& x, CumulativeOptions options, bool product) {
  std::vector<T> result(x.size());
  T running = product ? 1 : 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    const std::size_t at = options.reverse ? x.size() - 1 - i : i;
    const T next = static_cast<T>(product ? running * x[at] : running + x[at]);
    result[at] = options.exclusive ? running : next;
    running = next;
  }
  return result;
}

template <typename T>
void check_all_options(const std::vector<T>& x) {
  const auto n = static_cast<std::int64_t>(x.size());
  for (const CumulativeOptions options : kAllOptions) {
    CAPTURE(n);
    const auto f = function([&](Tensor t) { return outputs(cumsum(t, 0, options), cumprod(t, 0, options)); });
    const auto [sums, products] = f(Array(x, {n}));
    CHECK(sums == Array(accumulated(x, options, false), {n}));
    CHECK(products == Array(accumulated(x, options, true), {n}));
  }
}

TEST_CASE("sums and products up to each element, for all options and lengths") {
  for (const std::size_t n : {0U, 1U, 2U, 3U, 4U, 7U, 8U, 9U, 33U, 256U, 257U, 515U}) {
    I x;
    for (std::size_t i = 0; i < n; ++i) x.push_back(static_cast<std::int64_t>(i % 5) - 1);
    check_all_options(x);
  }
  check_all_options(F{1, -2, 0.5F, 4, 8});
  check_all_options(D{1, -2, 0.5, 4, 8});
  check_all_options(std::vector<std::int32_t>{7, -3, 2});
  // Integers wrap around.
  check_all_options(std::vector<std::uint8_t>{200, 100, 3, 255, 17});
}

TEST_CASE("along each axis") {
  const Array x({{1.F, 2.F, 3.F}, {4.F, 5.F, 6.F}});
  CHECK(run([](Tensor t) { return cumsum(t); }, x) == Array({{1.F, 2.F, 3.F}, {5.F, 7.F, 9.F}}));
  CHECK(run([](Tensor t) { return cumsum(t, 1); }, x) == Array({{1.F, 3.F, 6.F}, {4.F, 9.F, 15.F}}));
  CHECK(run([](Tensor t) { return cumprod(t, -1); }, x) == Array({{1.F, 2.F, 6.F}, {4.F, 20.F, 120.F}}));
  CHECK(run([](Tensor t) { return cumsum(t, -1, kBoth); }, x) == Array({{5.F, 3.F, 0.F}, {11.F, 6.F, 0.F}}));
  CHECK(run([](Tensor t) { return cumprod(t, 0, kExclusive); }, x) == Array({{1.F, 1.F, 1.F}, {1.F, 2.F, 3.F}}));
  const Array cube = counted(DType::kF32, {2, 3, 17});
  const Array sums = run([](Tensor t) { return cumsum(t, 1); }, cube);
  CHECK(sums(1, 2, 16) == cube(1, 0, 16) + cube(1, 1, 16) + cube(1, 2, 16));
  CHECK(run([](Tensor t) { return cumsum(t, 1); }, Array(DType::kF32, {0, 3})).sizes() == I{0, 3});
  CHECK(run([](Tensor t) { return cumprod(t, 0, kBoth); }, Array(DType::kF32, {3, 0})).sizes() == I{3, 0});
}

TEST_CASE("long axes, as rows, columns and in between") {
  constexpr std::int64_t kLength = 300;
  for (const int axis : {0, 1, 2}) {
    I sizes{2, 3, 5};
    sizes[static_cast<std::size_t>(axis)] = kLength;
    Array x(DType::kI64, sizes);
    for (std::size_t i = 0; i < x.data<std::int64_t>().size(); ++i)
      x.data<std::int64_t>()[i] = 1 - 2 * static_cast<std::int64_t>(i % 3 == 1);
    // The last line along the axis.
    const auto line = [&](const Array& array) {
      I elements;
      I at{sizes[0] - 1, sizes[1] - 1, sizes[2] - 1};
      for (std::int64_t& i = at[static_cast<std::size_t>(axis)] = 0; i < kLength; ++i)
        elements.push_back(array.at<std::int64_t>(at[0], at[1], at[2]));
      return elements;
    };
    for (const CumulativeOptions options : kAllOptions) {
      const auto f = function([&](Tensor t) { return outputs(cumsum(t, axis, options), cumprod(t, axis, options)); });
      const auto [sums, products] = f(x);
      CHECK(line(sums) == accumulated(line(x), options, false));
      CHECK(line(products) == accumulated(line(x), options, true));
    }
  }
  // The derivative of a sum is the sum in the other direction.
  F ones_before_last(kLength, 0);
  ones_before_last[kLength - 2] = 1;
  F expected(kLength, 1);
  expected.back() = 0;
  CHECK(gradient_of([](const Tensor& t) { return cumsum(t); }, Array(DType::kF32, {kLength}), ones_before_last) ==
        Array(expected));
}

/// Compares bits, but for those of NaN.
void check_same(const Array& got, const F& expected) {
  REQUIRE(got.sizes() == I{static_cast<std::int64_t>(expected.size())});
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const float element = got.data<float>()[i];
    CHECK((element == expected[i] || (std::isnan(element) && std::isnan(expected[i]))));
  }
}

TEST_CASE("a NaN or infinity reaches only the elements that it is part of") {
  const F x{1, kInf, 2, -kInf, 3, kNan, 4};
  check_same(run([](Tensor t) { return cumsum(t); }, Array(x)), {1, kInf, kInf, kNan, kNan, kNan, kNan});
  check_same(run([](Tensor t) { return cumsum(t, 0, kBoth); }, Array(x)), {kNan, kNan, kNan, kNan, kNan, 4, 0});
  check_same(run([](Tensor t) { return cumsum(t, 0, kExclusive); }, Array({1.F, 2.F, kNan})), {0, 1, 3});
  check_same(run([](Tensor t) { return cumprod(t); }, Array({2.F, 0.F, kInf, 3.F})), {2, 0, kNan, kNan});
  check_same(run([](Tensor t) { return cumprod(t, 0, kExclusive); }, Array({2.F, 3.F, kNan})), {1, 2, 6});
  F late(300, 1);
  late[150] = kNan;
  const F sums_of_late = elements<float>(run([](Tensor t) { return cumsum(t); }, Array(late)));
  CHECK(sums_of_late[149] == 150);
  CHECK(std::isnan(sums_of_late[150]));
  CHECK(std::isnan(sums_of_late[299]));
  // The same along a symbolic axis.
  const auto f = function("f", {f32(length("T"))}, [](Tensor t) { return outputs(cumsum(t), cumsum(t, 0, kBoth)); });
  const auto [sums, after] = f(Array(x));
  check_same(sums, {1, kInf, kInf, kNan, kNan, kNan, kNan});
  check_same(after, {kNan, kNan, kNan, kNan, kNan, 4, 0});
}

TEST_CASE("long sums keep their accuracy") {
  constexpr std::int64_t kCount = 100000;
  Array x(DType::kF32, {kCount});
  for (float& element : x.data<float>()) element = 0.1F;
  const Array sums = run([](Tensor t) { return cumsum(t); }, x);
  double worst = 0;
  for (std::int64_t i = 0; i < kCount; ++i) {
    const double exact = static_cast<double>(0.1F) * static_cast<double>(i + 1);
    worst = std::max(worst, std::abs(sums(i) - exact) / exact);
  }
  CHECK(worst < 1e-6);  // one after the other: 1e-4
}

TEST_CASE("derivatives of products where elements are 0") {
  const auto slope = [](const F& x) { return gradient_of([](const Tensor& t) { return cumprod(t); }, Array(x)); };
  CHECK(slope({2, 0, 3, 4}) == Array({1.F, 32.F, 0.F, 0.F}));
  CHECK(slope({0, 0, 2}) == Array({1.F, 0.F, 0.F}));
  CHECK(slope({0, 2, 3}) == Array({9.F, 0.F, 0.F}));
}

TEST_CASE("derivatives of derivatives") {
  Array x = pattern({2, 5});
  const auto host = [](bool product, CumulativeOptions options) {
    return [=](const D& v) {
      D result;
      for (const std::ptrdiff_t row : {0, 5}) {
        const D sums = accumulated(D(v.begin() + row, v.begin() + row + 5), options, product);
        result.insert(result.end(), sums.begin(), sums.end());
      }
      return result;
    };
  };
  for (const CumulativeOptions options : kAllOptions) {
    check_derivatives_of([=](const Tensor& t) { return cumsum(t, 1, options); }, x, 10, host(false, options));
    check_derivatives_of([=](const Tensor& t) { return cumprod(t, 1, options); }, x, 10, host(true, options));
  }
  x.at<float>(0, 1) = 0;
  x.at<float>(1, 1) = 0;
  x.at<float>(1, 3) = 0;
  for (const CumulativeOptions options : kAllOptions)
    check_derivatives_of([=](const Tensor& t) { return cumprod(t, 1, options); }, x, 10, host(true, options));
  CHECK(gradient_of([](const Tensor& t) { return cumsum(t, 0, kExclusive); }, Array({5.F})) == Array({0.F}));
}

TEST_CASE("products along a symbolic axis") {
  const auto f = function("f", {f32(length("T"))}, [](Tensor x) {
    return outputs(cumprod(x), cumprod(x, 0, kBoth), gradients(reduce_sum(cumprod(x)), x)[0]);
  });
  const auto [products, after, slope] = f(Array({2.F, -3.F, 0.5F}));
  CHECK(products == Array({2.F, -6.F, -3.F}));
  CHECK(after == Array({-1.5F, 0.5F, 1.F}));
  CHECK(slope == Array({1.F - 3.F - 1.5F, 2.F + 1.F, -6.F}));
  const auto [one, none, by_one] = f(Array({7.F}));
  CHECK(one == Array({7.F}));
  CHECK(none == Array({1.F}));
  CHECK(by_one == Array({1.F}));
}

TEST_CASE("products keep the sign of 0") {
  const F products = elements<float>(run([](Tensor t) { return cumprod(t); }, Array({-1.F, 0.F, 2.F, -1.F})));
  CHECK(std::signbit(products[1]));
  CHECK(std::signbit(products[2]));
  CHECK(!std::signbit(products[3]));
}

TEST_CASE("linear recurrences") {
  const Array a({{kNan, 0.5F, 2.F}, {kInf, 0.F, -1.F}});
  const Array b({{8.F, 1.F, 0.25F}, {3.F, 2.F, 1.F}});
  CHECK(run([](Tensor x, Tensor y) { return linear_recurrence(x, y, 1); }, a, b) ==
        Array({{8.F, 5.F, 10.25F}, {3.F, 2.F, -1.F}}));
  CHECK(run([](Tensor x, Tensor y) { return linear_recurrence(x, y, 0, true); }, Array({{2.F, 3.F}, {kNan, kNan}}),
            Array({{1.F, 1.F}, {4.F, 5.F}})) == Array({{9.F, 16.F}, {4.F, 5.F}}));
  // A moving average of 0.1 is right to the last bit after 1,000 elements: it is carried in f64.
  const Array average =
      run([](Tensor x) { return linear_recurrence(0.5 * ones_like(x), x * 0.5); }, Array(F(1000, 0.2F)));
  CHECK(average(999) == 0.2F);
}

TEST_CASE("derivatives of linear recurrences") {
  for (const bool reverse : {false, true}) {
    const auto host = [=](const D& v) {
      D y(5);
      for (std::size_t i = 0; i < 5; ++i) {
        const std::size_t at = reverse ? 4 - i : i;
        y[at] = i == 0 ? v[5 + at] : v[at] * y[reverse ? at + 1 : at - 1] + v[5 + at];
      }
      return y;
    };
    const auto dsl = [=](const Tensor& t) {
      return linear_recurrence(reshape(slice(t, {0, 0}, {1, 5}), {5}), reshape(slice(t, {1, 0}, {1, 5}), {5}), 0,
                               reverse);
    };
    check_derivatives_of(dsl, pattern({2, 5}), 5, host);
  }
}

TEST_CASE("symbolic sizes") {
  const auto f = function("f", {f32(batch, length("T"), 2)}, [](Tensor x) {
    const Tensor late = cumsum(x, 1, kBoth);
    return outputs(cumsum(x, 1), late, cumsum(x, 0, kReverse), cumprod(x, 2),
                   gradients(reduce_sum(square(late)), x)[0]);
  });
  for (const std::int64_t b : {1, 3, 64, 128}) {
    for (const std::int64_t n : {1, 2, 9}) {
      Array x(DType::kF32, {b, n, 2});
      for (std::size_t i = 0; i < x.data<float>().size(); ++i) x.data<float>()[i] = static_cast<float>(i % 7) - 3;
      const auto [sums, late, rows, products, slope] = f(x);
      const std::int64_t i = b - 1;
      for (const int c : {0, 1}) {
        F column;
        for (std::int64_t j = 0; j < n; ++j) column.push_back(static_cast<float>(x(i, j, c)));
        const F before = accumulated(column, {}, false);
        const F after = accumulated(column, kBoth, false);
        float adjoint = 0;
        for (std::int64_t j = 0; j < n; ++j) {
          const auto k = static_cast<std::size_t>(j);
          CHECK(sums(i, j, c) == before[k]);
          CHECK(late(i, j, c) == after[k]);
          CHECK(slope(i, j, c) == adjoint);
          adjoint += 2 * after[k];
        }
        F of_batch;
        for (std::int64_t k = 0; k < b; ++k) of_batch.push_back(static_cast<float>(x(k, n - 1, c)));
        CHECK(rows(0, n - 1, c) == accumulated(of_batch, kReverse, false)[0]);
      }
      CHECK(products(i, n - 1, 1) == x(i, n - 1, 0) * x(i, n - 1, 1));
    }
  }
  CHECK(f.traces() == 1);
}

TEST_CASE("what is refused") {
  CHECK(traced({bool_(2)}, [](Tensor x) { return cumsum(x); }) ==
        here("cumsum: expected numbers, got bool[2]; convert with cast"));
  CHECK(traced({bool_(2)}, [](Tensor x) { return cumprod(x); }) ==
        here("cumprod: expected numbers, got bool[2]; convert with cast"));
  CHECK(traced({f32(2)}, [](Tensor x) { return cumsum(x, 1); }) == here("cumsum: axis 1 is outside of f32[2]"));
  CHECK(traced({f32()}, [](Tensor x) { return cumprod(x); }) == here("cumprod: axis 0 is outside of f32[]"));
  CHECK(traced({f32(2), f32(3)}, [](Tensor a, Tensor b) { return linear_recurrence(a, b); }) ==
        here("linear_recurrence: expected factors f32[3], as the terms, got f32[2]"));
  CHECK(traced({f32(2), f32(2)}, [](Tensor a, Tensor b) { return linear_recurrence(a, b, 2); }) ==
        here("linear_recurrence: axis 2 is outside of f32[2]"));
}

}  // namespace sluice::cumulative_test
