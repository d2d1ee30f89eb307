// Matrices and their parts.
#include "sluice/matrices.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "tests/frontend/engine.h"
#include "tests/frontend/misuse.h"
#include "tests/frontend/run.h"

namespace sluice::matrices_test {

using namespace sluice::test;
using F = std::vector<float>;
using I = std::vector<std::int64_t>;

const Array kSquare({{1.F, 2.F, 3.F}, {4.F, 5.F, 6.F}, {7.F, 8.F, 9.F}});

TEST_CASE("eye") {
  CHECK(run([] { return eye(2); }) == Array({{1.F, 0.F}, {0.F, 1.F}}));
  CHECK(run([] { return eye(2, 3, i32); }) == Array({{1, 0, 0}, {0, 1, 0}}));
  CHECK(run([] { return eye(3, 2, bool_); }) == Array({{true, false}, {false, true}, {false, false}}));
  CHECK(run([] { return eye(0); }).sizes() == I{0, 0});
  CHECK(run([] { return eye(1, u8); })(0, 0) == 1);
}

TEST_CASE("tril and triu of any diagonal") {
  CHECK(run([](Tensor x) { return tril(x); }, kSquare) == Array({{1.F, 0.F, 0.F}, {4.F, 5.F, 0.F}, {7.F, 8.F, 9.F}}));
  CHECK(run([](Tensor x) { return tril(x, 1); }, kSquare) ==
        Array({{1.F, 2.F, 0.F}, {4.F, 5.F, 6.F}, {7.F, 8.F, 9.F}}));
  CHECK(run([](Tensor x) { return tril(x, -1); }, kSquare) ==
        Array({{0.F, 0.F, 0.F}, {4.F, 0.F, 0.F}, {7.F, 8.F, 0.F}}));
  CHECK(run([](Tensor x) { return triu(x); }, kSquare) == Array({{1.F, 2.F, 3.F}, {0.F, 5.F, 6.F}, {0.F, 0.F, 9.F}}));
  CHECK(run([](Tensor x) { return triu(x, 2); }, kSquare) ==
        Array({{0.F, 0.F, 3.F}, {0.F, 0.F, 0.F}, {0.F, 0.F, 0.F}}));
  constexpr std::int64_t kMost = std::numeric_limits<std::int64_t>::max();
  CHECK(run([](Tensor x) { return tril(x, kMost); }, kSquare) == kSquare);
  CHECK(run([](Tensor x) { return triu(x, -kMost - 1); }, kSquare) == kSquare);
  CHECK(run([](Tensor x) { return triu(x); }, Array(DType::kF32, {0, 3})).sizes() == I{0, 3});
  // [2, 2, 4] in every dtype: the matrices are the last two axes.
  for (const DType dtype : kAllDTypes) {
    const Array x = counted(dtype, {2, 2, 4});
    const Array lower = run([](Tensor t) { return tril(t, 1); }, x);
    CHECK(lower(1, 0, 1) == x(1, 0, 1));
    CHECK(lower(1, 0, 2) == 0);
    CHECK(lower(1, 1, 2) == x(1, 1, 2));
    CHECK(lower(1, 1, 3) == 0);
  }
}

TEST_CASE("a NaN or infinity in the part that is left out neither stays nor reaches the derivative") {
  const float nan = std::nanf("");
  const Array x({{1.F, nan}, {2.F, 3.F}});
  CHECK(run([](Tensor t) { return tril(t); }, x) == Array({{1.F, 0.F}, {2.F, 3.F}}));
  CHECK(gradient_of([](const Tensor& t) { return square(tril(t)); }, x) == Array({{2.F, 0.F}, {4.F, 6.F}}));
  CHECK(run([](Tensor t) { return diag(t); }, Array({1.F, INFINITY})) == Array({{1.F, 0.F}, {0.F, INFINITY}}));
  CHECK(run([](Tensor t) { return diag_part(t); }, x) == Array({1.F, 3.F}));
}

TEST_CASE("diag and diag_part") {
  CHECK(run([](Tensor x) { return diag(x); }, Array({1.F, 2.F})) == Array({{1.F, 0.F}, {0.F, 2.F}}));
  CHECK(run([](Tensor x) { return diag(x); }, Array(DType::kI32, {3, 0})).sizes() == I{3, 0, 0});
  CHECK(run([](Tensor x) { return diag_part(x); }, kSquare) == Array({1.F, 5.F, 9.F}));
  CHECK(run([](Tensor x) { return diag_part(x); }, counted(DType::kI32, {2, 3})) == Array({0, 4}));
  CHECK(run([](Tensor x) { return diag_part(x); }, counted(DType::kI32, {3, 2})) == Array({0, 3}));
  CHECK(run([](Tensor x) { return diag_part(x); }, Array(DType::kF32, {2, 0})).sizes() == I{0});
  for (const DType dtype : kAllDTypes) {
    const Array x = counted(dtype, {3, 5});
    CHECK(run([](Tensor t) { return diag_part(diag(t)); }, x) == x);
  }
  CHECK(gradient_of([](const Tensor& x) { return diag_part(x); }, kSquare, {1, 2, 3}) ==
        Array({{1.F, 0.F, 0.F}, {0.F, 2.F, 0.F}, {0.F, 0.F, 3.F}}));
  CHECK(gradient_of([](const Tensor& x) { return diag(x); }, Array({1.F, 2.F}), {1, 2, 3, 4}) == Array({1.F, 4.F}));
}

TEST_CASE("outer and dot") {
  CHECK(run([](Tensor a, Tensor b) { return outer(a, b); }, Array({1.F, 2.F}), Array({3.F, 4.F, 5.F})) ==
        Array({{3.F, 4.F, 5.F}, {6.F, 8.F, 10.F}}));
  CHECK(run([](Tensor a, Tensor b) { return outer(a, b); }, Array({{1, 2}, {3, 4}}), Array({5})) ==
        Array({{5}, {10}, {15}, {20}}));
  CHECK(run([](Tensor a, Tensor b) { return outer(a, b); }, Array(DType::kF32, {0}), Array({5.F})).sizes() == I{0, 1});
  const auto product = [](Tensor a, Tensor b) { return dot(a, b); };
  CHECK(run(product, Array({1.F, 2.F}), Array({3.F, 4.F})) == Array::scalar(11.F));
  CHECK(run(product, Array({1, 2}), Array({3, 4})) == Array::scalar(11));
  CHECK(run(product, kSquare, Array({1.F, 0.F, 1.F})) == Array({4.F, 10.F, 16.F}));
  CHECK(run(product, Array({1.F, 0.F, 1.F}), kSquare) == Array({8.F, 10.F, 12.F}));
  CHECK(run(product, kSquare, kSquare)(0, 2) == 42);
  CHECK(run(product, Array::scalar(2.F), Array({3.F, 4.F})) == Array({6.F, 8.F}));
  CHECK(run(product, counted(DType::kF32, {2, 3, 4}), counted(DType::kF32, {5, 4, 6})).sizes() == I{2, 3, 5, 6});
  CHECK(run(product, Array(DType::kF32, {0}), Array(DType::kF32, {0})) == Array::scalar(0.F));
}

TEST_CASE("symbolic sizes") {
  const Dim t = length("T");
  const auto f = function("f", {f32(batch, t, t)}, [&](Tensor x) {
    return outputs(tril(x), triu(x, 1), diag_part(x), diag(reshape(slice(x, {0, 0, 0}, {-1, 1, -1}), {batch, t})),
                   reduce_sum(x * eye(t), {1, 2}));
  });
  for (const std::int64_t b : {1, 3, 64, 128}) {
    for (const std::int64_t n : {1, 5}) {
      const Array x = counted(DType::kF32, {b, n, n});
      const auto [lower, upper, diagonal, matrix, trace] = f(x);
      const std::int64_t i = b - 1;
      double sum = 0;
      for (std::int64_t j = 0; j < n; ++j) {
        sum += x(i, j, j);
        CHECK(diagonal(i, j) == x(i, j, j));
        CHECK(matrix(i, j, j) == x(i, 0, j));
        for (std::int64_t k = 0; k < n; ++k) {
          CHECK(lower(i, j, k) == (k <= j ? x(i, j, k) : 0));
          CHECK(upper(i, j, k) == (k > j ? x(i, j, k) : 0));
          if (k != j) CHECK(matrix(i, j, k) == 0);
        }
      }
      CHECK(trace(i) == doctest::Approx(sum));
    }
  }
  CHECK(f.traces() == 1);
}

TEST_CASE("what is no matrix") {
  CHECK(traced({f32(3)}, [](Tensor x) { return tril(x); }) == here("tril: expected a matrix [..., m, n], got f32[3]"));
  CHECK(traced({f32(3)}, [](Tensor x) { return triu(x); }) == here("triu: expected a matrix [..., m, n], got f32[3]"));
  CHECK(traced({f32()}, [](Tensor x) { return diag(x); }) == here("diag: expected a diagonal [..., n], got f32[]"));
  CHECK(traced({f32(batch, 3)}, [](Tensor x) { return diag_part(x); }) ==
        here("diag_part: which of B and 3 is smaller is not known, in f32[B,3]"));
  CHECK(traced({f32(2), i32(2)}, [](Tensor x, Tensor y) {
          return outer(x, y);
        }).starts_with(here("outer: operands have different element types: f32[2,1] and i32[1,2]")));
  CHECK(traced({f32(2, 3), f32(2)}, [](Tensor x, Tensor y) { return dot(x, y); }) ==
        here("dot: sizes differ: axis 1 of f32[2,3] is 3, axis 0 of f32[2] is 2"));
  CHECK(thrown([] { eye(3); }) == here("eye: used outside a function; ops are traced inside sluice::function"));
}

}  // namespace sluice::matrices_test
