// Functions that divide, join and rearrange axes.
#include "sluice/array_ops.h"

#include <doctest/doctest.h>

#include "tests/frontend/engine.h"
#include "tests/frontend/misuse.h"
#include "tests/frontend/run.h"

namespace sluice::array_ops_test {

using namespace sluice::test;
using F = std::vector<float>;
using I = std::vector<std::int64_t>;

const Array kX(F{1, 2, 3, 4, 5, 6}, {2, 3});

TEST_CASE("split into equal parts") {
  const auto thirds = run([](Tensor x) { return split(x, 3, -1); }, kX);
  REQUIRE(thirds.size() == 3);
  CHECK(thirds[0] == Array({{1.F}, {4.F}}));
  CHECK(thirds[2] == Array({{3.F}, {6.F}}));
  const auto rows = run([](Tensor x) { return split(x, 2); }, kX);
  CHECK(rows[1] == Array({{4.F, 5.F, 6.F}}));
  CHECK(run([](Tensor x) { return split(x, 1U, 0); }, kX)[0] == kX);
  const auto none = run([](Tensor x) { return split(x, 3, 0); }, Array(DType::kF32, {0, 2}));
  CHECK(none[2].sizes() == I{0, 2});
}

TEST_CASE("split by sizes, of which one may be what is left and some may be 0") {
  const auto parts = run([](Tensor x) { return split(x, {1, -1}, 1); }, kX);
  CHECK(parts[0] == Array({{1.F}, {4.F}}));
  CHECK(parts[1] == Array({{2.F, 3.F}, {5.F, 6.F}}));
  const auto with_none = run([](Tensor x) { return split(x, {0, 2, 0, 1}, 1); }, kX);
  CHECK(with_none[0].sizes() == I{2, 0});
  CHECK(with_none[1] == Array({{1.F, 2.F}, {4.F, 5.F}}));
  CHECK(with_none[2].sizes() == I{2, 0});
  CHECK(with_none[3] == Array({{3.F}, {6.F}}));
  // One size in braces is a size, not a number of parts.
  CHECK(run([](Tensor x) { return split(x, {2}, 0); }, kX).size() == 1);
}

TEST_CASE("a derivative passes each part back to its place") {
  const auto f = [](const Tensor& x) {
    const std::vector<Tensor> parts = split(x, {1, 0, 2}, 1);
    return concat({parts[2] * 10, parts[1], parts[0]}, 1);
  };
  CHECK(gradient_of(f, kX, {1, 2, 3, 4, 5, 6}) == Array({{3.F, 10.F, 20.F}, {6.F, 40.F, 50.F}}));
}

TEST_CASE("stack and unstack are inverse, in every dtype") {
  for (const DType dtype : kAllDTypes) {
    const Array x = counted(dtype, {2, 3, 5});
    for (const int axis : {0, 1, 2, -1}) {
      CHECK(run([&](Tensor t) { return stack(unstack(t, axis), axis); }, x) == x);
    }
  }
  const Array a({1.F, 2.F});
  const Array b({3.F, 4.F});
  CHECK(run([](Tensor x, Tensor y) { return stack({x, y}); }, a, b) == Array({{1.F, 2.F}, {3.F, 4.F}}));
  CHECK(run([](Tensor x, Tensor y) { return stack({x, y}, -1); }, a, b) == Array({{1.F, 3.F}, {2.F, 4.F}}));
  CHECK(run([](Tensor x) { return stack({x, x}); }, Array::scalar(7.F)) == Array({7.F, 7.F}));
  const auto columns = run([](Tensor x) { return unstack(x, 1); }, kX);
  CHECK(columns[1] == Array({2.F, 5.F}));
  CHECK(run([](Tensor x) { return stack({x, x}); }, Array(DType::kF32, {0, 2})).sizes() == I{2, 0, 2});
}

TEST_CASE("axes of size 1 are added and removed") {
  CHECK(run([](Tensor x) { return expand_dims(x, 0); }, kX).sizes() == I{1, 2, 3});
  CHECK(run([](Tensor x) { return expand_dims(x, 1); }, kX).sizes() == I{2, 1, 3});
  CHECK(run([](Tensor x) { return expand_dims(x, -1); }, kX).sizes() == I{2, 3, 1});
  CHECK(run([](Tensor x) { return expand_dims(x, -3); }, kX).sizes() == I{1, 2, 3});
  const Array wide(F{1, 2}, {1, 2, 1, 1});
  CHECK(run([](Tensor x) { return squeeze(x); }, wide) == Array({1.F, 2.F}));
  CHECK(run([](Tensor x) { return squeeze(x, 0); }, wide).sizes() == I{2, 1, 1});
  CHECK(run([](Tensor x) { return squeeze(x, {-1, 0}); }, wide).sizes() == I{2, 1});
  CHECK(run([](Tensor x) { return squeeze(x); }, Array(F{3}, {1, 1})) == Array::scalar(3.F));
  CHECK(run([](Tensor x) { return squeeze(x); }, Array(DType::kF32, {0, 1})).sizes() == I{0});
}

TEST_CASE("axes are exchanged and moved as in NumPy") {
  const Array x = counted(DType::kF32, {2, 3, 4, 5});
  CHECK(run([](Tensor t) { return swapaxes(t, 0, -1); }, x).sizes() == I{5, 3, 4, 2});
  CHECK(run([](Tensor t) { return moveaxis(t, 0, -1); }, x).sizes() == I{3, 4, 5, 2});
  CHECK(run([](Tensor t) { return moveaxis(t, 3, 1); }, x).sizes() == I{2, 5, 3, 4});
  CHECK(run([](Tensor t) { return moveaxis(t, {0, 1}, {-1, -2}); }, x).sizes() == I{4, 5, 3, 2});
  CHECK(run([](Tensor t) { return moveaxis(t, {2, 0}, {0, 1}); }, x).sizes() == I{4, 2, 3, 5});
  CHECK(run([](Tensor t) { return swapaxes(t, 0, 1); }, kX) == Array({{1.F, 4.F}, {2.F, 5.F}, {3.F, 6.F}}));
}

TEST_CASE("tile repeats the whole, repeat each element") {
  CHECK(run([](Tensor x) { return tile(x, {3}); }, Array({1.F, 2.F})) == Array({1.F, 2.F, 1.F, 2.F, 1.F, 2.F}));
  CHECK(run(
            [](Tensor x) {
              return tile(x, {2, 2});
            },
            Array({{1.F, 2.F}})) == Array({{1.F, 2.F, 1.F, 2.F}, {1.F, 2.F, 1.F, 2.F}}));
  CHECK(run([](Tensor x) { return repeat(x, 2, 0); }, Array({1.F, 2.F})) == Array({1.F, 1.F, 2.F, 2.F}));
  CHECK(run([](Tensor x) { return repeat(x, 3, -1); }, Array({{1.F, 2.F}, {3.F, 4.F}})) ==
        Array({{1.F, 1.F, 1.F, 2.F, 2.F, 2.F}, {3.F, 3.F, 3.F, 4.F, 4.F, 4.F}}));
  CHECK(run([](Tensor x) { return repeat(x, 2, 0); }, kX).sizes() == I{4, 3});
  CHECK(run([](Tensor x) { return tile(x, {0, 2}); }, kX).sizes() == I{0, 6});
  CHECK(run([](Tensor x) { return repeat(x, 0, 1); }, kX).sizes() == I{2, 0});
  CHECK(run([](Tensor x) { return tile(x, {2, 3}); }, Array(DType::kF32, {0, 2})).sizes() == I{0, 6});
  for (const DType dtype : kAllDTypes) {
    const Array x = counted(dtype, {1, 2});
    const auto twice = function([](Tensor t) { return outputs(tile(t, {2, 1}), repeat(t, 2, 0)); });
    const auto [tiled, repeated] = twice(x);
    CHECK(tiled == repeated);
    CHECK(tiled.dtype() == dtype);
  }
  CHECK(gradient_of([](const Tensor& x) { return tile(x, {2}); }, Array({1.F, 2.F}), {1, 2, 3, 4}) ==
        Array({4.F, 6.F}));
  CHECK(gradient_of([](const Tensor& x) { return repeat(x, 2, 0); }, Array({1.F, 2.F}), {1, 2, 3, 4}) ==
        Array({3.F, 7.F}));
  CHECK(gradient_of([](const Tensor& x) { return tile(x, {0}); }, Array({1.F, 2.F})) == Array({0.F, 0.F}));
}

TEST_CASE("symbolic sizes") {
  const Dim t = length("T");
  const auto f = function("f", {f32(batch, t, 2)}, [&](Tensor x) {
    const std::vector<Tensor> ends = split(x, {1, -1}, 1);
    const std::vector<Tensor> columns = unstack(x, -1);
    const std::vector<Tensor> doubled = split(tile(x, {1, 2, 1}), 2, 1);
    return outputs(ends[0], ends[1], stack({columns[1], columns[0]}, -1), doubled[1],
                   repeat(squeeze(expand_dims(x, 1)), 2, 0), tile(slice(x, {0, 0, 0}, {1, 1, 1}), {batch, t, 1}));
  });
  for (const std::int64_t b : {1, 3, 64, 128}) {
    for (const std::int64_t n : {1, 7}) {
      const Array x = counted(DType::kF32, {b, n, 2});
      const auto [first, rest, swapped, second, repeated, filled] = f(x);
      CHECK(first.sizes() == I{b, 1, 2});
      CHECK(rest.sizes() == I{b, n - 1, 2});
      CHECK(second == x);
      CHECK(repeated.sizes() == I{2 * b, n, 2});
      CHECK(repeated(2 * b - 1, n - 1, 1) == x(b - 1, n - 1, 1));
      CHECK(swapped(b - 1, n - 1, 0) == x(b - 1, n - 1, 1));
      CHECK(swapped(b - 1, 0, 1) == x(b - 1, 0, 0));
      CHECK(first(b - 1, 0, 1) == x(b - 1, 0, 1));
      if (n > 1) CHECK(rest(b - 1, n - 2, 1) == x(b - 1, n - 1, 1));
      CHECK(filled == Array(DType::kF32, {b, n, 1}));
    }
  }
  CHECK(f.traces() == 1);
}

TEST_CASE("shapes that do not fit") {
  CHECK(traced({f32(2, 3)}, [](Tensor x) { return split(x, 2, 1); }) ==
        here("split: axis 1 of f32[2,3] does not divide into 2 equal parts"));
  CHECK(traced({f32(2, 3)}, [](Tensor x) { return split(x, 0, 1); }) ==
        here("split: expected at least one part, got 0"));
  CHECK(traced({f32(length("T"), 3)}, [](Tensor x) { return split(x, 2); }) ==
        here("split: axis 0 of f32[T,3] does not divide into 2 equal parts"));
  CHECK(traced({f32(2, 3)}, [](Tensor x) {
          return split(x, {1, 1}, 1);
        }) == here("split: the sizes [1,1] do not add up to the 3 of axis 1 of f32[2,3]"));
  CHECK(traced({f32(2, 3)}, [](Tensor x) {
          return split(x, {-1, 4}, 1);
        }) == here("split: the sizes [-1,4] do not add up to the 3 of axis 1 of f32[2,3]"));
  CHECK(traced({f32(2, 3)}, [](Tensor x) {
          return split(x, {-1, 1, -1}, 1);
        }) == here("split: the sizes [-1,1,-1] do not add up to the 3 of axis 1 of f32[2,3]"));
  CHECK(traced({f32(2, 3)}, [](Tensor x) { return split(x, 2, 2); }) == here("split: axis 2 is outside of f32[2,3]"));
  CHECK(traced({f32(2), f32(3)}, [](Tensor x, Tensor y) {
          return stack({x, y});
        }) == here("stack: expected tensors of one type, got f32[2] and f32[3]"));
  CHECK(traced({f32(2)}, [](Tensor x) {
          return stack({x, x}, 2);
        }) == here("stack: f32[2] has no place for an axis 2"));
  CHECK(traced({}, [] { return stack({}); }) == here("stack: expected at least one tensor"));
  CHECK(traced({f32(batch, 2)}, [](Tensor x) { return unstack(x); }) ==
        here("unstack: axis 0 of f32[B,2] has the size B, which is not a number: the number of tensors is fixed when "
             "the function is traced"));
  CHECK(traced({f32(2)}, [](Tensor x) { return expand_dims(x, -3); }) ==
        here("expand_dims: f32[2] has no place for an axis -3"));
  CHECK(traced({f32(1, 3)}, [](Tensor x) {
          return squeeze(x, {0, 1});
        }) == here("squeeze: axis 1 of f32[1,3] has the size 3, not 1"));
  CHECK(traced({f32(batch, 3)}, [](Tensor x) { return squeeze(x, 0); }) ==
        here("squeeze: axis 0 of f32[B,3] has the size B, not 1"));
  CHECK(traced({f32(1, 3)}, [](Tensor x) { return swapaxes(x, 0, 2); }) ==
        here("swapaxes: axis 2 is outside of f32[1,3]"));
  CHECK(traced({f32(1, 3)}, [](Tensor x) {
          return moveaxis(x, {0, -2}, {0, 1});
        }) == here("moveaxis: an axis is named twice in [0,-2] or [0,1]"));
  CHECK(traced({f32(1, 3)}, [](Tensor x) {
          return moveaxis(x, {0, 1}, {0});
        }) == here("moveaxis: expected as many destinations as sources, got 1 and 2"));
  CHECK(traced({f32(1, 3)}, [](Tensor x) { return tile(x, {2}); }) ==
        here("tile: expected a number for each axis of f32[1,3], got 1"));
  CHECK(traced({f32(1, 3)}, [](Tensor x) {
          return tile(x, {2, -1});
        }) == here("tile: expected a number of times from 0 on, got -1"));
  CHECK(traced({f32(1, 3)}, [](Tensor x) { return repeat(x, -2, 0); }) ==
        here("repeat: expected a number of times from 0 on, got -2"));
}

}  // namespace sluice::array_ops_test
