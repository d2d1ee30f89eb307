// Rows that are replaced, and rows that are added to.
#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "tests/frontend/derivatives.h"
#include "tests/frontend/engine.h"
#include "tests/frontend/floats.h"
#include "tests/frontend/misuse.h"

namespace sluice::scatter_test {

using namespace sluice::test;
using F = std::vector<float>;
using I = std::vector<std::int64_t>;

TEST_CASE("rows are replaced, the last of equal indices stays; indices of any shape and dtype") {
  const auto replace = function([](Tensor t, Tensor i, Tensor r) { return scatter(t, i, r); });
  const Array table(F{1, 2, 3, 4, 5, 6}, {3, 2});
  const Array rows(F{10, 11, 20, 21, 30, 31, 40, 41}, {2, 2, 2});
  CHECK(floats(replace(table, Array(I{2, 0, 2, 2}, {2, 2}), rows)) == F{20, 21, 3, 4, 40, 41});
  CHECK(floats(replace(table, Array(std::vector<std::int32_t>{2, 2, 0, 0}, {2, 2}), rows)) == F{40, 41, 3, 4, 20, 21});
  CHECK(floats(replace(table, 1, Array(F{7, 8}))) == F{1, 2, 7, 8, 5, 6});
  CHECK(replace(table, Array(DType::kI64, {0}), Array(DType::kF32, {0, 2})) == table);
  CHECK(replace(Array(DType::kF32, {3, 0}), Array(I{2}), Array(DType::kF32, {1, 0})).sizes() == I{3, 0});
  CHECK(replace(bools({1, 1, 0}, {3}), Array(I{0, 2}), bools({0, 1}, {2})) == bools({0, 1, 1}, {3}));
  CHECK(replace(Array(I{1, 2, 3}), Array(I{1, 1}), Array(I{9, std::numeric_limits<std::int64_t>::min()})) ==
        Array(I{1, std::numeric_limits<std::int64_t>::min(), 3}));
  const F special = floats(replace(Array(F{0, 0, 0}), Array(I{0, 1, 1}), Array(F{NAN, -INFINITY, -0.0F})));
  CHECK(std::isnan(special[0]));
  CHECK(std::signbit(special[1]));
  CHECK(special[1] == 0);
}

TEST_CASE("rows of widths that fit no vector, for batches of many sizes") {
  for (const std::int64_t width : {1, 5, 17, 48, 65, 200}) {
    const Variable table("table", pattern({40, width}));
    const auto step = function("step", {i32(batch), f32(batch, width)},
                               [&](Tensor i, Tensor r) { table.assign(scatter(table, i, r)); });
    for (const std::int64_t size : {1, 3, 64, 128}) {
      Array ids(DType::kI32, {size});
      for (std::size_t i = 0; i < ids.data<std::int32_t>().size(); ++i)
        ids.data<std::int32_t>()[i] = static_cast<std::int32_t>(i * i * 7 % 40);
      const Array rows = pattern({size, width}, static_cast<double>(size));
      F expected = floats(table.value());
      for (std::size_t i = 0; i < ids.data<std::int32_t>().size(); ++i) {
        const auto w = static_cast<std::size_t>(width);
        const auto row = static_cast<std::size_t>(ids.data<std::int32_t>()[i]);
        for (std::size_t j = 0; j < w; ++j) expected[row * w + j] = rows.data<float>()[i * w + j];
      }
      step(ids, rows);
      CAPTURE(width);
      CAPTURE(size);
      CHECK(floats(table.value()) == expected);
    }
  }
}

TEST_CASE("a derivative passes to rows that stay, and to rows of the table that are not replaced") {
  const auto both = function([](Tensor t, Tensor i, Tensor r) {
    const Tensor y = reduce_sum(scatter(t, i, r) * constant(Array(F{3, 5})));
    const std::vector<Tensor> slopes = gradients(y, {t, r});
    return outputs(scatter(t, i, r), slopes[0], slopes[1]);
  });
  const auto [value, of_table, of_rows] = both(Array(F{0, 0}), Array(I{0, 0}), Array(F{1, 2}));
  CHECK(floats(value) == F{2, 0});
  CHECK(floats(of_table) == F{0, 5});
  CHECK(floats(of_rows) == F{0, 3});

  // Squares, so that the second derivative is not 0. Row 1 is replaced twice, row 3 once.
  const Variable table("table", pattern({4, 3}, 1));
  const I at{1, 3, 1};
  const auto loss = [&](const Tensor& rows) {
    const Tensor y = scatter(table, constant(Array(at)), rows);
    return reduce_sum(square(y) * y * constant(pattern({4, 3}, 5)));
  };
  const std::vector<double> weights = doubles(pattern({4, 3}, 5));
  check_derivatives(f32(3, 3), pattern({3, 3}), {table}, loss, [&](const Doubles& in) {
    std::vector<double> y = in[1];
    for (std::size_t i = 0; i < 9; ++i) y[static_cast<std::size_t>(at[i / 3]) * 3 + i % 3] = in[0][i];
    double sum = 0;
    for (std::size_t i = 0; i < 12; ++i) sum += y[i] * y[i] * y[i] * weights[i];
    return sum;
  });
}

TEST_CASE("an index out of range is an error for arguments; a computed one is clamped, in derivatives as well") {
  const auto replace = function("replace", {f32(3), i64(length("N")), f32(length("N"))},
                                [](Tensor t, Tensor i, Tensor r) { return scatter(t, i, r); });
  replace.compile();
  CHECK(thrown([&] {
          replace(Array(F{1, 2, 3}), I{0, 3}, F{4, 5});
        })
            .starts_with(here("replace: element 1 of argument 1 is the index 3, expected 0 to 2 for the 3 rows of the "
                              "f32[3] of scatter at ")));
  const auto computed = function([](Tensor t, Tensor i, Tensor r) {
    const Tensor y = scatter(t, i * 2 - 1, r);
    const std::vector<Tensor> slopes = gradients(reduce_sum(y), {t, r});
    return outputs(y, slopes[0], slopes[1]);
  });
  const auto [value, of_table, of_rows] =
      computed(Array(F{1, 2, 3}), Array(I{0, 2, 3}), Array(F{4, 5, 6}));  // -1, 3 and 5
  CHECK(floats(value) == F{4, 2, 6});
  CHECK(floats(of_table) == F{0, 1, 0});
  CHECK(floats(of_rows) == F{1, 0, 1});
  CHECK(traced({f32(3, 2), i64(4), f32(4, 3)}, [](Tensor t, Tensor i, Tensor r) {
          return scatter(t, i, r);
        }).starts_with(here("scatter: expected rows of type f32[4,2] for f32[3,2] and indices i64[4], got f32[4,3]")));
  CHECK(traced({f32(3, 2), f32(4), f32(4, 2)}, [](Tensor t, Tensor i, Tensor r) {
          return scatter(t, i, r);
        }).starts_with(here("scatter: indices are integers, got f32[4]")));
}

}  // namespace sluice::scatter_test
