#include "sluice/mean.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <limits>

#include "sluice/error.h"
#include "tests/frontend/thrown.h"

using namespace sluice;

TEST_CASE("the mean of added values") {
  Mean mean;
  CHECK(mean.result() == 0);
  mean.add(1);
  mean.add(Array::scalar(2.F));
  CHECK(mean.result() == 1.5);
  CHECK(mean.count() == 2);
  Mean lost;
  lost.add(-std::numeric_limits<double>::quiet_NaN());
  CHECK(fmt::format("{:.3f}", lost.result()) == "nan");
  CHECK(thrown([&] { mean.add(Array(DType::kF32, {2})); }) ==
        "@mean_test.cpp item: expected an array of one element, got f32[2]");
}
