#include "sluice/features.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>

#include "sluice/error.h"
#include "tests/frontend/thrown.h"

using namespace sluice;

namespace {

using Names = std::vector<std::string>;

const float kNan = std::numeric_limits<float>::quiet_NaN();

}  // namespace

TEST_CASE("labels are numbered in the order of their names") {
  const LabelEncoder animals(Names{"dog", "cat", "", "dog", "Bird", "cat"});
  CHECK(animals.names() == Names{"Bird", "cat", "dog"});
  CHECK(animals.size() == 3);
  const Array classes = animals.encode(Names{"cat", "cat", "dog", "Bird"});
  CHECK(classes == Array(std::vector<std::int64_t>{1, 1, 2, 0}));
  CHECK(animals.decode(classes) == Names{"cat", "cat", "dog", "Bird"});
  CHECK(animals.decode(Array(std::vector<std::uint8_t>{2, 0}, {1, 2})) == Names{"dog", "Bird"});
  CHECK(animals.encode(Names{}).sizes() == std::vector<std::int64_t>{0});
  CHECK(animals.one_hot(Names{"dog", "", "Bird"}) == Array{{0.F, 0.F, 1.F}, {0.F, 0.F, 0.F}, {1.F, 0.F, 0.F}});
  CHECK(LabelEncoder(Names{"", ""}).size() == 0);

  const LabelEncoder sizes = LabelEncoder::in_order({"small", "medium", "large"});
  CHECK(sizes.names() == Names{"small", "medium", "large"});
  CHECK(sizes.encode(Names{"large", "small", "medium"}) == Array(std::vector<std::int64_t>{2, 0, 1}));
  CHECK(sizes.decode(Array({1})) == Names{"medium"});
  CHECK(sizes.one_hot(Names{"medium"}) == Array{{0.F, 1.F, 0.F}});

  CHECK(thrown([&] {
          animals.encode(Names{"cat", "dgo"});
        }) == "@features_test.cpp label encoder: row 2: there is no class 'dgo'; did you mean 'dog'?");
  CHECK(thrown([&] {
          animals.encode(Names{"cat", ""});
        }) == "@features_test.cpp label encoder: row 2: the value is missing");
  CHECK(thrown([&] { animals.one_hot(Names{"horse"}); }) ==
        "@features_test.cpp label encoder: row 1: there is no class 'horse'");
  CHECK(thrown([&] { animals.decode(Array({3})); }) ==
        "@features_test.cpp label encoder: expected classes 0 to 2, got 3");
  CHECK(thrown([&] { animals.decode(Array({-1})); }) ==
        "@features_test.cpp label encoder: expected classes 0 to 2, got -1");
  CHECK(thrown([&] { animals.decode(Array({1.F})); }) ==
        "@features_test.cpp label encoder: expected integers as classes, got f32[1]");
  CHECK(thrown([] {
          LabelEncoder::in_order({"a", "b", "a"});
        }) == "@features_test.cpp label encoder: two classes are called 'a'");
}

TEST_CASE("standardizing has scikit-learn's results") {
  const Array training{{0.F, 0.F}, {0.F, 0.F}, {1.F, 1.F}, {1.F, 1.F}};
  const Standardizer scale(training);
  CHECK(scale.mean() == Array{0.5, 0.5});
  CHECK(scale.deviation() == Array{0.5, 0.5});
  CHECK(scale.apply(training) == Array{{-1.F, -1.F}, {-1.F, -1.F}, {1.F, 1.F}, {1.F, 1.F}});
  CHECK(scale.apply(Array{{2.F, 2.F}}) == Array{{3.F, 3.F}});
  CHECK(scale.undo(Array{{3.F, -1.F}}) == Array{{2.F, 0.F}});
  CHECK(scale.apply(Array{{2, 2}}) == Array{{3.F, 3.F}});
  CHECK(scale.apply(Array{{2., 2.}}) == Array{{3., 3.}});
  CHECK(scale.apply(Array(DType::kF32, {0, 2})).sizes() == std::vector<std::int64_t>{0, 2});
}

TEST_CASE("standardizing is exact far from 0, and for features that are all the same") {
  // As a mean of squares minus a squared mean, the variance would be 0 or worse.
  for (const double offset : {1e4, 1e9, -1e12}) {
    const Array far(std::vector<double>{offset, offset + 1, offset + 2, offset + 3}, {4, 1});
    const Standardizer scale(far);
    CHECK(scale.deviation()(0) == doctest::Approx(1.118033988749895).epsilon(1e-12));
    const Array result = scale.apply(far);
    const double expected[] = {-1.3416407864998738, -0.4472135954999579, 0.4472135954999579, 1.3416407864998738};
    for (std::int64_t i = 0; i < 4; ++i) CHECK(result(i, 0) == doctest::Approx(expected[i]).epsilon(1e-9));
  }
  const Array same(std::vector<float>(999, 0.1F), {333, 3});
  const Standardizer constant(same);
  CHECK(constant.deviation() == Array{1., 1., 1.});
  CHECK(constant.apply(same) == Array(DType::kF32, {333, 3}));
  CHECK(Standardizer(Array{{7.F}}).apply(Array{{7.F}}) == Array{{0.F}});
}

TEST_CASE("missing values take no part in the mean and stay missing") {
  const Array rows{{1.F, kNan}, {kNan, kNan}, {3.F, kNan}};
  const Standardizer scale(rows);
  CHECK(scale.mean() == Array{2., 0.});
  CHECK(scale.deviation() == Array{1., 1.});
  const Array result = scale.apply(rows);
  CHECK(result(0, 0) == -1);
  CHECK(std::isnan(result(1, 0)));
  CHECK(result(2, 0) == 1);
  CHECK(fill_missing(result, 0) == Array{{-1.F, 0.F}, {0.F, 0.F}, {1.F, 0.F}});
  CHECK(std::isnan(result(1, 0)));  // filled is a copy
  CHECK(fill_missing(Array{INFINITY, kNan}, 5) == Array{INFINITY, 5.F});
}

TEST_CASE("rows of any shape and type are standardized") {
  const Array images(std::vector<std::uint8_t>{0, 255, 10, 20}, {2, 1, 2, 1});
  const Standardizer scale(images);
  CHECK(scale.mean().sizes() == std::vector<std::int64_t>{1, 2, 1});
  CHECK(scale.mean() == Array(std::vector<double>{5, 137.5}, {1, 2, 1}));
  CHECK(scale.apply(images) == Array(std::vector<float>{-1, 1, 1, -1}, {2, 1, 2, 1}));
  CHECK(Standardizer(Array{1., 3.}).mean() == Array::scalar(2.));
  CHECK(Standardizer(Array(DType::kF32, {3, 0})).apply(Array(DType::kF32, {2, 0})).element_count() == 0);
  CHECK(Standardizer(Array(std::vector<bool>{true, false})).mean() == Array::scalar(0.5));

  CHECK(thrown([] {
          Standardizer(Array(DType::kF32, {0, 3}));
        }) == "@features_test.cpp standardizer: expected at least one row, got f32[0,3]");
  CHECK(thrown([] { Standardizer(Array::scalar(1.F)); }) ==
        "@features_test.cpp standardizer: expected at least one row, got f32[]");
  CHECK(thrown([] {
          Standardizer(Array{{1.F, 2.F}, {3.F, -INFINITY}});
        }) == "@features_test.cpp standardizer: expected finite numbers, feature 1 has -inf");
  CHECK(thrown([&] {
          scale.apply(Array(DType::kF32, {2, 2}));
        }) == "@features_test.cpp standardizer: apply: expected rows of [1,2,1], got f32[2,2]");
  CHECK(thrown([&] {
          scale.undo(Array(DType::kU8, {2, 1, 2, 1}));
        }) == "@features_test.cpp standardizer: undo: expected floats, got u8[2,1,2,1]");
  CHECK(thrown([] { fill_missing(Array({1}), 0); }) ==
        "@features_test.cpp fill_missing: expected a float array, got i32[1]");
}

TEST_CASE("columns are put side by side") {
  CHECK(hstack({Array{{1, 2}, {3, 4}}, Array({5, 6}), Array{{7}, {8}}}) == Array{{1, 2, 5, 7}, {3, 4, 6, 8}});
  CHECK(hstack({Array({1.F, 2.F})}) == Array{{1.F}, {2.F}});
  CHECK(hstack({Array(DType::kF32, {0, 2}), Array(DType::kF32, {0, 3})}).sizes() == std::vector<std::int64_t>{0, 5});
  CHECK(hstack({Array(DType::kF32, {2, 0}), Array({1.F, 2.F})}) == Array{{1.F}, {2.F}});
  CHECK(thrown([] { hstack(std::vector<Array>{}); }) ==
        "@features_test.cpp hstack: expected at least one array, got none");
  CHECK(thrown([] {
          hstack({Array({1}), Array({1.F})});
        }) == "@features_test.cpp hstack: expected arrays of one type and one number of rows, got i32[1] and f32[1]");
  CHECK(thrown([] {
          hstack({Array({1}), Array({1, 2})});
        }) == "@features_test.cpp hstack: expected arrays of one type and one number of rows, got i32[1] and i32[2]");
  CHECK(thrown([] {
          hstack({Array(DType::kF32, {1, 1, 1})});
        }) == "@features_test.cpp hstack: expected arrays [N] or [N,columns], got f32[1,1,1]");
}
