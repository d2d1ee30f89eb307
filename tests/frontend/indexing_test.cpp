// Elements by their positions along an axis.
#include "sluice/indexing.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "sluice/array_ops.h"
#include "tests/frontend/engine.h"
#include "tests/frontend/misuse.h"
#include "tests/frontend/run.h"

namespace sluice::indexing_test {

using namespace sluice::test;
using F = std::vector<float>;
using I = std::vector<std::int64_t>;

/// Returns the positions that Python's range(*slice(begin, end, step).indices(n)) has, step by step.
I positions(std::optional<std::int64_t> begin, std::optional<std::int64_t> end, std::int64_t step, std::int64_t n) {
  const std::int64_t first = step > 0 ? 0 : -1;
  const std::int64_t last = step > 0 ? n : n - 1;
  const auto place = [&](std::int64_t i) { return std::clamp(i < 0 ? i + n : i, first, last); };
  std::int64_t at = begin ? place(*begin) : (step > 0 ? first : last);
  const std::int64_t stop = end ? place(*end) : (step > 0 ? last : first);
  I result;
  for (; step > 0 ? at < stop : at > stop; at += step) result.push_back(at);
  return result;
}

TEST_CASE("strided slices select what Python's do, for ends in and outside of the axis") {
  constexpr std::int64_t kSize = 7;
  const Array x = counted(DType::kI64, {2, kSize, 3});
  const std::vector<std::optional<std::int64_t>> ends{std::nullopt, -20, -7, -3, 0, 2, 6, 7, 20};
  for (const std::int64_t step : {1, 2, 3, 8, -1, -2, -3, -9}) {
    std::vector<Slice> slices;
    std::vector<I> expected;
    for (const auto begin : ends) {
      for (const auto end : ends) {
        const auto dim = [](std::optional<std::int64_t> i) { return i ? std::optional<Dim>(*i) : std::nullopt; };
        slices.push_back({dim(begin), dim(end), step});
        expected.push_back(positions(begin, end, step, kSize));
      }
    }
    const std::vector<Array> got = run(
        [&](Tensor t) {
          std::vector<Tensor> all;
          for (const Slice& slice : slices) all.push_back(strided_slice(t, {{}, slice}));
          return all;
        },
        x);
    for (std::size_t i = 0; i < got.size(); ++i) {
      I elements_of_x;
      for (const std::int64_t row : {0, 1}) {
        for (const std::int64_t position : expected[i]) {
          for (const std::int64_t column : {0, 1, 2})
            elements_of_x.push_back(static_cast<std::int64_t>(x(row, position, column)));
        }
      }
      CAPTURE(step);
      CAPTURE(i);
      CHECK(got[i] == Array(elements_of_x, {2, static_cast<std::int64_t>(expected[i].size()), 3}));
    }
  }
}

TEST_CASE("strided slices of several axes, of every dtype, and with extreme steps") {
  for (const DType dtype : kAllDTypes) {
    const Array x = counted(dtype, {4, 5});
    const Array got = run([](Tensor t) { return strided_slice(t, {{.step = -2}, {1, -1, 2}}); }, x);
    REQUIRE(got.sizes() == I{2, 2});
    CHECK(got(0, 0) == x(3, 1));
    CHECK(got(0, 1) == x(3, 3));
    CHECK(got(1, 0) == x(1, 1));
  }
  const Array x({1.F, 2.F, 3.F});
  static constexpr std::int64_t kLeast = std::numeric_limits<std::int64_t>::min();
  static constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  CHECK(run([](Tensor t) { return strided_slice(t, {{.step = kLeast}}); }, x) == Array({3.F}));
  CHECK(run([](Tensor t) { return strided_slice(t, {{.step = kMost}}); }, x) == Array({1.F}));
  CHECK(run([](Tensor t) { return strided_slice(t, {{kLeast, kMost}}); }, x) == x);
  CHECK(run([](Tensor t) { return strided_slice(t, {}); }, x) == x);
  CHECK(run([](Tensor t) { return strided_slice(t, {{.step = -1}}); }, Array(DType::kF32, {0, 2})).sizes() == I{0, 2});
}

TEST_CASE("strided slices along a symbolic axis") {
  const Dim t = length("T");
  const auto f = function("f", {f32(batch, t)}, [&](Tensor x) {
    return outputs(strided_slice(x, {{}, {.begin = -1}}), strided_slice(x, {{}, {.end = -1}}),
                   strided_slice(x, {{}, {.step = -1}}), strided_slice(x, {{}, {t - 1, 0, -1}}),
                   strided_slice(tile(x, {1, 2}), {{}, {.step = 2}}),
                   strided_slice(tile(x, {1, 2}), {{}, {.step = -2}}));
  });
  const auto [last, most, back, tail, even, odd] = f(Array({{1.F, 2.F, 3.F}, {4.F, 5.F, 6.F}}));
  CHECK(last == Array({{3.F}, {6.F}}));
  CHECK(most == Array({{1.F, 2.F}, {4.F, 5.F}}));
  CHECK(back == Array({{3.F, 2.F, 1.F}, {6.F, 5.F, 4.F}}));
  CHECK(tail == Array({{3.F, 2.F}, {6.F, 5.F}}));
  CHECK(even == Array({{1.F, 3.F, 2.F}, {4.F, 6.F, 5.F}}));
  CHECK(odd == Array({{3.F, 1.F, 2.F}, {6.F, 4.F, 5.F}}));
  const auto [one, none, same, nothing, first, second] = f(Array({{9.F}}));
  CHECK(none.sizes() == I{1, 0});
  CHECK(nothing.sizes() == I{1, 0});
  CHECK(same == Array({{9.F}}));
}

TEST_CASE("derivatives of strided slices reach the elements that they took, and are 0 elsewhere") {
  const Array x({1.F, 2.F, 3.F, 4.F, 5.F});
  CHECK(gradient_of([](const Tensor& t) { return strided_slice(t, {{.begin = 1, .step = 2}}); }, x, {7, 8}) ==
        Array({0.F, 7.F, 0.F, 8.F, 0.F}));
  CHECK(gradient_of([](const Tensor& t) { return strided_slice(t, {{.step = -2}}); }, x, {7, 8, 9}) ==
        Array({9.F, 0.F, 8.F, 0.F, 7.F}));
  CHECK(gradient_of([](const Tensor& t) { return strided_slice(t, {{3, 3}}); }, x) == Array(DType::kF32, {5}));
}

TEST_CASE("take replaces the axis by those of the indices") {
  for (const DType dtype : kAllDTypes) {
    const Array x = counted(dtype, {2, 3, 5});
    for (const DType of_index : {DType::kI32, DType::kI64, DType::kU8}) {
      const Array indices = run([&](Tensor t) { return cast(t, of_index); }, Array(I{2, 0, 1, 1}, {2, 2}));
      const Array rows = run([](Tensor t, Tensor i) { return take(t, i, 1); }, x, indices);
      REQUIRE(rows.sizes() == I{2, 2, 2, 5});
      const Array cells = run([](Tensor t, Tensor i) { return take(t, i, -1); }, x, indices);
      REQUIRE(cells.sizes() == I{2, 3, 2, 2});
      for (const int i : {0, 1}) {
        for (const int j : {0, 1}) {
          const auto index = static_cast<std::int64_t>(indices(i, j));
          CHECK(rows(1, i, j, 4) == x(1, index, 4));
          CHECK(cells(1, 2, i, j) == x(1, 2, index));
        }
      }
    }
    CHECK(run([](Tensor t, Tensor i) { return take(t, i, 0); }, x, Array(I{1}, {1})).sizes() == I{1, 3, 5});
  }
  const Array x({{1.F, 2.F, 3.F}, {4.F, 5.F, 6.F}});
  CHECK(run([](Tensor t, Tensor i) { return take(t, i, 1); }, x, Array::scalar(std::int64_t{2})) == Array({3.F, 6.F}));
  CHECK(run([](Tensor t) { return take(t, {2, -3, -1}, 1); }, x) == Array({{3.F, 1.F, 3.F}, {6.F, 4.F, 6.F}}));
  CHECK(run([](Tensor t) { return take(t, std::vector<std::int64_t>{}, 1); }, x).sizes() == I{2, 0});
  CHECK(run([](Tensor t, Tensor i) { return take(t, i, 1); }, x, Array(DType::kI64, {0, 2})).sizes() == I{2, 0, 2});
  CHECK(run([](Tensor t, Tensor i) { return take(t, i, 1); }, Array(DType::kF32, {0, 3}), Array(I{2}, {1})).sizes() ==
        I{0, 1});
  // Elements beside those taken do not matter.
  const float nan = std::nanf("");
  CHECK(run([](Tensor t) { return take(t, {1}, 1); }, Array({{nan, 2.F, INFINITY}})) == Array({{2.F}}));
}

TEST_CASE("computed indices are clamped along their own axis, in forward and backward pass") {
  const Array x({{1.F, 2.F, 3.F}, {4.F, 5.F, 6.F}});
  const auto f = [](const Tensor& t) { return take(t, range(5) * 2 - 3, 1); };  // -3, -1, 1, 3, 5
  CHECK(run(f, x) == Array({{1.F, 1.F, 2.F, 3.F, 3.F}, {4.F, 4.F, 5.F, 6.F, 6.F}}));
  CHECK(gradient_of(f, x, {1, 2, 3, 4, 5, 6, 7, 8, 9, 10}) == Array({{3.F, 3.F, 9.F}, {13.F, 8.F, 19.F}}));
  const auto along = [](const Tensor& t) { return take_along_axis(t, iota({2, 2}, 1, i64) * 9 - 4, 1); };
  CHECK(run(along, x) == Array({{1.F, 3.F}, {4.F, 6.F}}));
}

TEST_CASE("the derivative of an element that is taken twice is the sum") {
  const Array x({10.F, 20.F, 30.F});
  CHECK(gradient_of([](const Tensor& t) { return take(t, {1, 1, 2}, 0); }, x) == Array({0.F, 2.F, 1.F}));
  const auto along = [](const Tensor& t) { return take_along_axis(t, constant(Array(I{1, 1, 2}, {3})), 0); };
  CHECK(gradient_of(along, x) == Array({0.F, 2.F, 1.F}));
}

TEST_CASE("take_along_axis chooses an element for each index") {
  for (const DType dtype : kAllDTypes) {
    const Array x = counted(dtype, {2, 3, 4});
    const Array indices(I{2, 0, 1, 0, 0, 1, 2, 2}, {2, 1, 4});
    const Array got = run([](Tensor t, Tensor i) { return take_along_axis(t, i, 1); }, x, indices);
    REQUIRE(got.sizes() == I{2, 1, 4});
    for (const int i : {0, 1}) {
      for (const int j : {0, 1, 2, 3}) CHECK(got(i, 0, j) == x(i, static_cast<std::int64_t>(indices(i, 0, j)), j));
    }
  }
  const Array x({{1.F, 2.F, 3.F}, {4.F, 5.F, 6.F}});
  const auto along = [](Tensor t, Tensor i) { return take_along_axis(t, i, -1); };
  CHECK(run(along, x, Array(I{2, 0}, {1, 2})) == Array({{3.F, 1.F}, {6.F, 4.F}}));  // the rows of the indices broadcast
  CHECK(run(along, Array({{1.F, 2.F}}), Array(I{1, 0, 1}, {3, 1})) == Array({{2.F}, {1.F}, {2.F}}));
  CHECK(run(along, x, Array(DType::kI64, {2, 0})).sizes() == I{2, 0});
  CHECK(run(along, Array(DType::kF32, {0, 3}), Array(DType::kI64, {0, 2})).sizes() == I{0, 2});
  // The elements that argmax names are the maxima.
  const auto largest = [](Tensor t) { return take_along_axis(t, reshape(argmax(t, 1), {2, 1}), 1); };
  CHECK(run(largest, Array({{1.F, 3.F, 2.F}, {6.F, 5.F, 4.F}})) == Array({{3.F}, {6.F}}));
}

TEST_CASE("flip") {
  const Array x({{1.F, 2.F, 3.F}, {4.F, 5.F, 6.F}});
  CHECK(run([](Tensor t) { return flip(t); }, x) == Array({{6.F, 5.F, 4.F}, {3.F, 2.F, 1.F}}));
  CHECK(run([](Tensor t) { return flip(t, -1); }, x) == Array({{3.F, 2.F, 1.F}, {6.F, 5.F, 4.F}}));
  CHECK(run([](Tensor t) { return reverse(t, {0}); }, x) == Array({{4.F, 5.F, 6.F}, {1.F, 2.F, 3.F}}));
  CHECK(run([](Tensor t) { return flip(t); }, Array(DType::kF32, {2, 0})).sizes() == I{2, 0});
  CHECK(run([](Tensor t) { return flip(t); }, Array::scalar(3.F)) == Array::scalar(3.F));
  CHECK(gradient_of([](const Tensor& t) { return flip(t, 1); }, x, {1, 2, 3, 4, 5, 6}) ==
        Array({{3.F, 2.F, 1.F}, {6.F, 5.F, 4.F}}));
  for (const DType dtype : kAllDTypes) {
    const Array all = counted(dtype, {3, 17});
    CHECK(run([](Tensor t) { return flip(flip(t, {0, 1})); }, all) == all);
  }
}

TEST_CASE("roll goes around, by any shift") {
  const auto rolled = [](const F& x, std::int64_t shift) {
    return run([=](Tensor t) { return roll(t, shift, 0); }, Array(x));
  };
  CHECK(rolled({0, 1, 2, 3, 4, 5}, 7) == Array({5.F, 0.F, 1.F, 2.F, 3.F, 4.F}));
  CHECK(rolled({0, 1, 2, 3}, -5) == Array({1.F, 2.F, 3.F, 0.F}));
  CHECK(rolled({0, 1, 2, 3}, 8) == Array({0.F, 1.F, 2.F, 3.F}));
  CHECK(rolled({0, 1, 2}, std::numeric_limits<std::int64_t>::min()) == rolled({0, 1, 2}, -2));  // -2^63 = 1 modulo 3
  CHECK(run([](Tensor t) { return roll(t, 1, 1); }, Array(DType::kF32, {2, 0})).sizes() == I{2, 0});
  const Array x({{1.F, 2.F, 3.F}, {4.F, 5.F, 6.F}});
  CHECK(run([](Tensor t) { return roll(t, {1, -1}, {0, 1}); }, x) == Array({{5.F, 6.F, 4.F}, {2.F, 3.F, 1.F}}));
  CHECK(run([](Tensor t) { return roll(t, {1, 1}, {1, 1}); }, x) == Array({{2.F, 3.F, 1.F}, {5.F, 6.F, 4.F}}));
  CHECK(gradient_of([](const Tensor& t) { return roll(t, 1, 0); }, Array({1.F, 2.F, 3.F}), {1, 2, 3}) ==
        Array({2.F, 3.F, 1.F}));
}

TEST_CASE("positions along symbolic axes") {
  const auto f = function("f", {f32(batch, length("T"), 2), i64(3)}, [](Tensor x, Tensor i) {
    const Tensor y = take(x, i, 1);
    return outputs(flip(x, 1), flip(x, 0), roll(x, 5, 1), roll(x, -5, 0), y,
                   take_along_axis(x, broadcast_to(reshape(i, {1, 3, 1}), {batch, 3, 2}), 1),
                   gradients(reduce_sum(square(y)), x)[0]);
  });
  for (const std::int64_t b : {1, 3, 64, 128}) {
    for (const std::int64_t n : {1, 2, 9}) {
      const Array x = counted(DType::kF32, {b, n, 2});
      const std::int64_t last = n - 1;
      const auto [back, rows_back, rolled, rows_rolled, taken, along, slope] = f(x, Array(I{0, last, 0}, {3}));
      for (const std::int64_t i : {std::int64_t{0}, b / 2, b - 1}) {
        CHECK(taken(i, 1, 1) == x(i, last, 1));
        CHECK(slope(i, 0, 1) == (n == 1 ? 6 : 4) * x(i, 0, 1));
        CHECK(rows_back(i, last, 1) == x(b - 1 - i, last, 1));
        CHECK(rows_rolled(i, last, 1) == x((i + 5) % b, last, 1));
        for (std::int64_t j = 0; j < n; ++j) {
          CHECK(back(i, j, 0) == x(i, last - j, 0));
          CHECK(rolled((i + 1) % b, (j + 5) % n, 0) == x((i + 1) % b, j, 0));
        }
      }
      CHECK(along == taken);
    }
  }
  CHECK(f.traces() == 1);
}

TEST_CASE("derivatives of derivatives") {
  check_derivatives_of(
      [](const Tensor& x) {
        return roll(flip(take(x, {2, 0, 2}, 1), 1), 1, 0);
      },
      pattern({2, 3}), 6,
      [](const std::vector<double>& x) { return std::vector<double>{x[5], x[3], x[5], x[2], x[0], x[2]}; });
  check_derivatives_of(
      [](const Tensor& x) {
        return strided_slice(x, {{.step = -1}, {.step = 2}});
      },
      pattern({2, 3}), 4,
      [](const std::vector<double>& x) {
        return std::vector<double>{x[3], x[5], x[0], x[2]};
      });
}

TEST_CASE("positions that are none") {
  CHECK(traced({f32(3)}, [](Tensor x) { return strided_slice(x, {{.step = 0}}); }) ==
        here("strided_slice: the step along axis 0 is 0"));
  CHECK(traced({f32(3)}, [](Tensor x) {
          return strided_slice(x, {{}, {}});
        }) == here("strided_slice: f32[3] has fewer axes than there are slices, 2"));
  CHECK(traced({f32(length("T"))}, [](Tensor x) { return strided_slice(x, {{.step = 2}}); }) ==
        here("strided_slice: axis 0 of f32[T]: the number of positions, T divided by 2, is no sum of products of "
             "symbols"));
  CHECK(traced({f32(3)}, [](Tensor x) { return flip(x, 1); }) == here("flip: axis 1 is outside of f32[3]"));
  CHECK(traced({f32(3)}, [](Tensor x) { return roll(x, 1, -2); }) == here("roll: axis -2 is outside of f32[3]"));
  CHECK(traced({f32(3)}, [](Tensor x) {
          return roll(x, {1, 2}, {0});
        }) == here("roll: expected a shift for each axis, got 2 and 1"));
  CHECK(traced({f32(3)}, [](Tensor x) { return take(x, {3}, 0); }) ==
        here("take: there is no element 3 along axis 0 of f32[3]"));
  CHECK(traced({f32(3)}, [](Tensor x) { return take(x, {-4}, 0); }) ==
        here("take: there is no element -4 along axis 0 of f32[3]"));
  CHECK(traced({f32(batch)}, [](Tensor x) { return take(x, {0}, 0); }) ==
        here("take: axis 0 of f32[B] has the size B, which is not a number: pass the indices as a tensor, which counts "
             "them"));
  CHECK(traced({f32(3)}, [](Tensor x) { return take(x, x, 0); }) ==
        here("take: expected integers as indices, got f32[3]"));
  CHECK(traced({f32(3, 0), i64(2)}, [](Tensor x, Tensor i) { return take(x, i, 1); }) ==
        here("take: there is no element along axis 1 of f32[3,0]"));
  CHECK(traced({f32(2, 3), i64(2)}, [](Tensor x, Tensor i) { return take_along_axis(x, i, 1); }) ==
        here("take_along_axis: expected indices of the rank of f32[2,3], got i64[2]"));
  CHECK(traced({f32(2, 3), i64(4, 1)}, [](Tensor x, Tensor i) { return take_along_axis(x, i, 1); }) ==
        here("take_along_axis: f32[2,3] and indices i64[4,1] differ in axis 0, which does not broadcast"));
  const Array x({{1.F, 2.F, 3.F}, {4.F, 5.F, 6.F}});
  const auto f = function("f", {f32(batch, 3), i64(2)}, [](Tensor t, Tensor i) { return take(t, i, 1); });
  CHECK(
      thrown([&] {
        f(x, {0, 3});
      })
          .starts_with(here("f: element 1 of argument 1 is the index 3, expected 0 to 2 for the 3 elements along axis "
                            "1 of the f32[B,3] of take at ")));
  CHECK(thrown([&] { f(x, {-1, 0}); }).find("is the index -1, expected 0 to 2") != std::string::npos);
  const auto long_slice = function("g", {f32(length("T"))}, [](Tensor t) { return strided_slice(t, {{.begin = 2}}); });
  CHECK(long_slice(Array({1.F, 2.F, 3.F})) == Array({3.F}));
  CHECK(thrown([&] { long_slice(Array({1.F})); }).find("slice") != std::string::npos);
}

}  // namespace sluice::indexing_test
