// Errors of the functions of pipelines: what they throw, and what they may not return.
#include <doctest/doctest.h>

#include <cstdint>
#include <stdexcept>

#include "sluice/error.h"
#include "sluice/pipeline.h"
#include "tests/data/pipelines.h"
#include "tests/frontend/thrown.h"

namespace sluice {
namespace {

/// A line of this file, as an Error tells it.
template <typename F>
std::uint32_t line_of(F f) {
  try {
    f();
  } catch (const Error& error) {
    return error.location().line;
  }
  return 0;
}

TEST_CASE("an exception in a function is an Error with the example's number and the user's line") {
  const Dataset data = test::counting(30);
  const auto at_17 = [](const Array& y) { return y.item<int>() == 3 * 17; };
  std::uint32_t line = 0;
  const Pipeline standard = (line = __LINE__, data.map([&](Array x, Array y) {
    if (at_17(y)) throw std::runtime_error("no picture");
    return std::pair(x, y);
  }));
  std::int64_t examples = 0;
  const auto loop = [&](Batches batches) {
    examples = 0;
    for (const Batch& b : batches) examples += b.size();
  };
  CHECK(thrown([&] { loop(standard.batches(8)); }) == "@pipeline_errors_test.cpp map: example 17: no picture");
  CHECK(examples == 16);  // the batches before it came
  CHECK(line_of([&] { loop(standard.batches(8)); }) == line);
  CHECK(thrown([&] { loop(standard.shuffled(3).batches(8)); }) ==
        "@pipeline_errors_test.cpp map: example 17: no picture");
  CHECK_NOTHROW(loop(standard.take(17).batches(8)));

  const Pipeline number = data.map([&](Array x, Array y) {
    if (at_17(y)) throw 17;
    return std::pair(x, y);
  });
  CHECK(thrown([&] { loop(number.batches(8)); }) ==
        "@pipeline_errors_test.cpp map: example 17: an exception that is no std::exception");
  const Pipeline own = data.map([&](Array x, Array y) {
    if (at_17(y)) x.data<double>();
    return std::pair(x, y);
  });
  CHECK(thrown([&] { loop(own.batches(8)); }).starts_with("@pipeline_errors_test.cpp map: example 17: "));
  // An outer function adds nothing to an inner one's error.
  const Pipeline outer = standard.map([](Array x, Array y) { return std::pair(x, y); });
  CHECK(thrown([&] { loop(outer.batches(8)); }) == "@pipeline_errors_test.cpp map: example 17: no picture");

  CHECK(thrown([&] {
          data.filter([&](Array, Array y) {
            if (at_17(y)) throw std::runtime_error("no picture");
            return true;
          });
        }) == "@pipeline_errors_test.cpp filter: example 17: no picture");
  const Pipeline batched = data.map_batches([](Batch b) -> Batch {
    if (b.target()(0) == 24) throw std::runtime_error("no pictures");
    return b;
  });
  CHECK(thrown([&] { loop(batched.batches(8)); }) ==
        "@pipeline_errors_test.cpp map_batches: examples 8, 9, 10 and 5 more: no pictures");
  CHECK(examples == 8);
}

TEST_CASE("what functions return is checked") {
  const Dataset data = test::counting(4);
  const auto error = [](const Pipeline& pipeline) { return thrown([&] { test::all_arrays(pipeline.batches(3)); }); };
  CHECK(error(data.map([](Array x, Array y) { return y.item<int>() == 3 ? std::pair(y, x) : std::pair(x, y); })) ==
        "@pipeline_errors_test.cpp map: example 1: expected f32[2] and i32[] as for example 0, got i32[] and f32[2]");
  CHECK(error(data.map([](const Example& example) { return Example(example.inputs, std::vector<Array>{}); })) ==
        "@pipeline_errors_test.cpp map: example 0: expected at least one input and one target, got 1 and 0");
  CHECK(error(data.map_batches([](Array x, Array) { return std::pair(x, Array(DType::kF32, {2})); })) ==
        "@pipeline_errors_test.cpp map_batches: examples 0, 1, 2: expected 3 rows in each target, got f32[2]");
  CHECK(error(data.map_batches([](Array, Array y) { return std::pair(Array(), y); })) ==
        "@pipeline_errors_test.cpp map_batches: examples 0, 1, 2: expected 3 rows in each input, got f32[]");
  const Dataset two({data.input(), data.input()}, {data.target()});
  CHECK(error(two.map([](Array x, Array y) { return std::pair(x, y); })) ==
        "@pipeline_errors_test.cpp map: example 0: examples: input() is of those with one input, these have 2");
}

}  // namespace
}  // namespace sluice
