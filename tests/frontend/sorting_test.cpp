// Sorting, at the points where other frameworks differ: NaN, ties, zeros of both signs, rows of every length.
#include "sluice/sorting.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "tests/frontend/engine.h"
#include "tests/frontend/misuse.h"
#include "tests/frontend/values.h"

using namespace sluice;
using sluice::test::agree;
using sluice::test::kInf;
using sluice::test::kNaN;
using sluice::test::slopes_of;
using sluice::test::values_of;

namespace {

template <typename T>
std::vector<T> elements_of(const Array& array) {
  const auto data = array.data<T>();
  return {data.begin(), data.end()};
}

std::vector<std::int64_t> order_of(const Array& x, int axis = -1, SortOptions options = {}) {
  return elements_of<std::int64_t>(function([=](Tensor t) { return argsort(t, axis, options); })(x));
}
std::vector<std::int64_t> order_of(const std::vector<float>& x, SortOptions options = {}) {
  return order_of(Array(x, {static_cast<std::int64_t>(x.size())}), -1, options);
}
using I = std::vector<std::int64_t>;

}  // namespace

TEST_CASE("NaN is last in ascending order and first in descending order") {
  const auto ascending = [](const Tensor& x) { return sort(x); };
  const auto descending = [](const Tensor& x) { return sort(x, -1, {.descending = true}); };
  CHECK(agree(values_of(ascending, {3, kNaN, 1, 2}), {1, 2, 3, kNaN}, 0));
  CHECK(order_of({3, kNaN, 1, 2}) == I{2, 3, 0, 1});
  CHECK(agree(values_of(descending, {3, kNaN, kInf, -kInf}), {kNaN, kInf, 3, -kInf}, 0));
  CHECK(order_of({kNaN, 1, -kNaN}) == I{1, 0, 2});
}

TEST_CASE("equal elements stay in their order, zeros of both signs too") {
  CHECK(order_of({0, -0.0F, 0}) == I{0, 1, 2});
  CHECK(order_of({0, -0.0F, 0}, {.descending = true}) == I{0, 1, 2});
  CHECK(agree(values_of([](const Tensor& x) { return sort(x); }, {0, -0.0F, -1}), {-1, 0, -0.0}, 0));
  CHECK(order_of({1, 3, 3, 2, 3}, {.descending = true}) == I{1, 2, 4, 3, 0});
}

TEST_CASE("top_k ranks NaN highest and takes the lower of equal indices") {
  const auto top = [](const std::vector<float>& x, std::int64_t k) {
    const auto f = function([k](Tensor t) {
      const TopK best = top_k(t, k);
      return outputs(best.values, best.indices);
    });
    const auto [values, indices] = f(Array(x, {static_cast<std::int64_t>(x.size())}));
    return std::pair(elements_of<float>(values), elements_of<std::int64_t>(indices));
  };
  CHECK(top({1, 3, 3, 2, 3}, 2).second == I{1, 2});
  CHECK(agree(top({1, 2, 3, kNaN}, 3).first, {kNaN, 3, 2}, 0));
  CHECK(top({1, 2, 3, kNaN}, 3).second == I{3, 2, 1});
  CHECK(top({1, 2}, 0).second.empty());
  CHECK(top({}, 0).first.empty());
}

TEST_CASE("rows of every length agree with the standard library's stable sort") {
  for (const std::int64_t rows : {1, 3}) {
    for (const std::int64_t n : {1, 2, 31, 32, 33, 64, 255, 1000}) {
      CAPTURE(n);
      std::vector<float> floats;
      std::vector<std::int64_t> integers;
      std::vector<std::uint8_t> bytes;
      for (std::int64_t i = 0; i < rows * n; ++i) {
        const double wave = std::sin(static_cast<double>(i) * 12.9898) * 43758.5453;
        floats.push_back(static_cast<float>(std::floor((wave - std::floor(wave)) * 100) - 50));
        integers.push_back(static_cast<std::int64_t>(floats.back()) * 100'000'000'007);
        bytes.push_back(static_cast<std::uint8_t>(floats.back() + 100));
      }
      const auto check = [&](const auto& x) {
        std::vector<std::int64_t> expected;
        for (std::int64_t row = 0; row < rows; ++row) {
          I order(static_cast<std::size_t>(n));
          std::iota(order.begin(), order.end(), 0);
          const auto at = [&](std::int64_t i) { return x[static_cast<std::size_t>(row * n + i)]; };
          std::ranges::stable_sort(order, [&](auto i, auto j) { return at(i) < at(j); });
          expected.insert(expected.end(), order.begin(), order.end());
        }
        CHECK(order_of(Array(x, {rows, n})) == expected);
      };
      check(floats);
      check(integers);
      check(bytes);
    }
  }
}

TEST_CASE("top_k of long rows has the first places of the whole order") {
  for (const std::int64_t n : {511, 512, 515, 1300, 5000}) {
    for (const std::int64_t k : {std::int64_t{1}, std::int64_t{10}, std::int64_t{300}, n / 4, n}) {
      CAPTURE(n);
      CAPTURE(k);
      const auto check = [&]<typename T>(const char* what, T, const auto& at) {
        CAPTURE(what);
        std::vector<T> x;
        for (std::int64_t i = 0; i < 2 * n; ++i) x.push_back(static_cast<T>(at(i)));
        const Array array(x, {2, n});
        const auto f = function([=](Tensor t) {
          const TopK top = top_k(t, k);
          return outputs(top.values, top.indices);
        });
        const auto [values, indices] = f(array);
        const I order = order_of(array, -1, {.descending = true});
        I expected;
        for (const std::int64_t row : {std::int64_t{0}, n})
          expected.insert(expected.end(), order.begin() + row, order.begin() + row + k);
        CHECK(elements_of<std::int64_t>(indices) == expected);
      };
      const auto wave = [](std::int64_t i) {
        const double x = std::sin(static_cast<double>(i) * 12.9898) * 43758.5453;
        return x - std::floor(x);
      };
      check("random", 0.0F, [&](std::int64_t i) { return wave(i) - 0.5; });
      check("ties", 0.0F, [&](std::int64_t i) { return std::floor(wave(i) * 20) - 10; });
      check("equal", 0.0F, [](std::int64_t) { return 3; });
      check("ascending", 0.0F, [](std::int64_t i) { return i; });
      check("descending", 0.0, [](std::int64_t i) { return -i; });
      check("special", 0.0F, [&](std::int64_t i) {
        const double kinds[] = {kNaN, kInf, -kInf, 0.0, -0.0, 1.0};
        return kinds[static_cast<int>(wave(i) * 6)];
      });
      check("lowest", std::int32_t{0},
            [&](std::int64_t i) { return std::numeric_limits<std::int32_t>::min() + i % 2; });
      check("long", std::int64_t{0},
            [&](std::int64_t i) { return static_cast<std::int64_t>(wave(i) * 9e18) - (1LL << 62); });
      check("bytes", std::uint8_t{0}, [&](std::int64_t i) { return wave(i) * 256; });
    }
  }
}

TEST_CASE("the first places in ascending order, of rows that only a call counts") {
  const auto f = function("f", {f32(batch, 900)}, [](Tensor t) { return slice(argsort(t), {0, 0}, {-1, 7}); });
  for (const std::int64_t rows : {1, 3, 64}) {
    std::vector<float> x;
    for (std::int64_t i = 0; i < rows * 900; ++i) x.push_back(static_cast<float>(i * 7919 % 9007 / 10));
    const Array array(x, {rows, 900});
    const I order = order_of(array);
    I expected;
    for (std::int64_t row = 0; row < rows; ++row)
      expected.insert(expected.end(), order.begin() + row * 900, order.begin() + row * 900 + 7);
    CHECK(elements_of<std::int64_t>(f(array)) == expected);
  }
}

TEST_CASE("any axis can be sorted, also one whose size only a call knows") {
  const Array x(std::vector<float>{3, 1, 2, 0, 5, 4}, {3, 2});
  CHECK(order_of(x, 0) == I{1, 1, 0, 0, 2, 2});
  CHECK(order_of(x, -1, {.descending = true}) == I{0, 1, 0, 1, 0, 1});
  const auto f = function("f", {f32(batch, 2)}, [](Tensor t) { return sort(t, 0); });
  CHECK(elements_of<float>(f(x)) == std::vector<float>{2, 0, 3, 1, 5, 4});
  const auto rows = function("g", {f32(2, length("T"))}, [](Tensor t) { return argsort(t); });
  for (const std::int64_t t : {1, 40, 3}) CHECK(rows(Array(DType::kF32, {2, t})).sizes() == I{2, t});
}

TEST_CASE("derivatives go where each element came from") {
  const auto weighted = [](const Tensor& x) { return sort(x) * constant(Array(std::vector<float>{1, 10, 100}, {3})); };
  CHECK(agree(slopes_of(weighted, {3, 1, 2}), {100, 1, 10}, 0));
  CHECK(agree(slopes_of([](const Tensor& x) { return top_k(x, 1).values; }, {3, 3, 2}), {1, 0, 0}, 0));
}

TEST_CASE("what cannot be sorted is refused") {
  CHECK(traced({bool_(3)}, [](Tensor x) {
          return sort(x);
        }).find("sort: expected numbers along an axis, got bool[3]") != std::string::npos);
  CHECK(traced({f32()}, [](Tensor x) {
          return argsort(x);
        }).find("argsort: expected numbers along an axis, got f32[]") != std::string::npos);
  CHECK(traced({f32(3)}, [](Tensor x) {
          return top_k(x, 4).values;
        }).find("top_k: expected 0 <= k <= 3 for f32[3], got 4") != std::string::npos);
  CHECK(traced({f32(length("T"))}, [](Tensor x) { return top_k(x, 1).values; }).find("which is not a number") !=
        std::string::npos);
}
