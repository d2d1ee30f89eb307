// Arguments of functions: C++ numbers and lists of them, many tensors, indices; and tensors used like C++ values in
// function bodies.
#include <doctest/doctest.h>

#include "sluice/frontend.h"
#include "tests/frontend/engine.h"
#include "tests/frontend/thrown.h"

using namespace sluice;

namespace {

using F = std::vector<float>;

/// Returns the error of tracing `body` with tensors of these types.
template <typename Body>
std::string error_of(std::vector<TensorSpec> types, Body body) {
  return thrown([&] { function("f", std::move(types), body).compile(); });
}

}  // namespace

TEST_CASE("numbers take the dtype of the signature") {
  const auto f = function("f", {f32()}, [](Tensor x) { return x * 2; });
  CHECK(f(2.0) == Array::scalar(4.F));
  CHECK(f(2) == Array::scalar(4.F));
  CHECK(f(2LL) == Array::scalar(4.F));
  CHECK(f(0.1) == Array::scalar(0.2F));
  CHECK(thrown([&] { f(16777217); }) ==
        "@arguments_test.cpp f: argument 0: the number 16777217 does not fit the element type f32");
  CHECK(thrown([&] { f(1e300); }) ==
        "@arguments_test.cpp f: argument 0: the number 1e+300 does not fit the element type f32");
  CHECK(thrown([&] { f(true); }) ==
        "@arguments_test.cpp f: argument 0: the number true does not fit the element type f32");
  CHECK(thrown([&] { f(Array::scalar(2.0)); }) == "@arguments_test.cpp f: argument 0 is f64[], expected f32[]");

  const auto bytes = function("bytes", {u8(batch), i64()}, [](Tensor x, Tensor y) { return cast(x, i64) + y; });
  CHECK(bytes({1, 2, 255}, 1.0) == Array({std::int64_t{2}, std::int64_t{3}, std::int64_t{256}}));
  CHECK(bytes(std::vector<int>{7}, 1U) == Array({std::int64_t{8}}));
  CHECK(thrown([&] {
          bytes({1, 256}, 1);
        }) == "@arguments_test.cpp bytes: argument 0: the number 256 does not fit the element type u8");
  CHECK(thrown([&] { bytes({1}, 1.5); }) ==
        "@arguments_test.cpp bytes: argument 1: the number 1.5 does not fit the element type i64");
  CHECK(thrown([&] { bytes({1}, 18446744073709551615ULL); }) ==
        "@arguments_test.cpp the number 18446744073709551615 does not fit the element type i64");
  CHECK(f.traces() == 1);
}

TEST_CASE("lists and vectors of any numbers are arguments") {
  const auto twice = function("twice", [](Tensor x) { return x + x; });
  CHECK(twice({1.F, 2.F}) == Array({2.F, 4.F}));
  CHECK(twice({{1, 2}, {3, 4}, {5, 6}}) == Array({{2, 4}, {6, 8}, {10, 12}}));
  CHECK(twice(std::vector<double>{0.5}) == Array({1.0}));
  const auto invert = function("invert", {bool_(batch)}, [](Tensor x) { return ~x; });
  CHECK(invert(std::vector<bool>{true, false, true}) == Array({false, true, false}));
  CHECK(invert({false}) == Array({true}));
  const auto rows = function("rows", {f32(batch, 2)}, [](Tensor x) { return reduce_sum(x, 1); });
  CHECK(rows({{1, 2}, {3, 4}}) == Array({3.F, 7.F}));
  CHECK(thrown([&] { rows({{1, 2}, {3}}); }) == "array: the lists of an axis have one length, got [2] and [1]");
}

TEST_CASE("functions of any number of tensors") {
  const auto sum = function("sum", [](const std::vector<Tensor>& x) {
    Tensor total = x.at(0);
    for (std::size_t i = 1; i < x.size(); ++i) total += x[i];
    return total;
  });
  std::vector<Array> arrays;
  for (int i = 0; i < 40; ++i) arrays.push_back(Array({static_cast<float>(i), 1.F}));
  CHECK(sum(arrays) == Array({780.F, 40.F}));
  CHECK(sum({arrays[1], arrays[2], {1.F, 2.F}}) == Array({4.F, 4.F}));
  CHECK(sum({1.F}) == Array::scalar(1.F));
  CHECK(sum.traces() == 3);
  CHECK(sum(arrays) == Array({780.F, 40.F}));
  CHECK(sum.traces() == 3);

  const std::vector<TensorSpec> signature(20, f32(batch));
  const auto last = function("last", signature, [&](std::span<const Tensor> x) {
    return std::vector<Tensor>{x.back(), sum({x[0], x[1]})};
  });
  std::vector<Array> given(20, Array({1.F, 2.F}));
  const std::vector<Array> results = last(given);
  CHECK(results[0] == given[0]);
  CHECK(results[1] == Array({2.F, 4.F}));
  last.check(given);
  given.pop_back();
  CHECK(thrown([&] { last(given); }) == "@arguments_test.cpp last: expected 20 arguments, got 19");
  CHECK(thrown([&] { last.check(given); }) == "@arguments_test.cpp last: expected 20 arguments, got 19");
  CHECK(error_of({f32(2)}, [&](Tensor x) { return last({x})[0]; }) ==
        "@arguments_test.cpp last: expected 20 arguments, got 1");

  // Explicit parameters are not counted by trial.
  const auto seventeen =
      function([](Tensor a, Tensor b, Tensor c, Tensor d, Tensor e, Tensor f, Tensor g, Tensor h, Tensor i, Tensor j,
                  Tensor k, Tensor l, Tensor m, Tensor n, Tensor o, Tensor p,
                  Tensor q) { return a + b + c + d + e + f + g + h + i + j + k + l + m + n + o + p + q; });
  CHECK(seventeen(1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17).item<int>() == 153);
}

TEST_CASE("index arguments are checked against the rows, computed indices are clamped") {
  const Variable table("table", Array({{1.F, 2.F}, {3.F, 4.F}, {5.F, 6.F}}));
  const auto rows = function("rows", {i64(batch)}, [&](Tensor i) { return gather(table, i); });
  CHECK(rows({2, 0}) == Array({{5.F, 6.F}, {1.F, 2.F}}));
  const std::string wrong = thrown([&] { rows({0, 3}); });
  CHECK(
      wrong.starts_with("@arguments_test.cpp rows: element 1 of argument 0 is the index 3, expected 0 to 2 for the 3 "
                        "rows of the f32[3,2] of gather at "));
  CHECK(wrong.find("arguments_test.cpp:") != std::string::npos);
  CHECK(thrown([&] { rows({-1}); }).find("element 0 of argument 0 is the index -1") != std::string::npos);
  const auto shifted = function("shifted", {i64(batch)}, [&](Tensor i) { return gather(table, i + 1); });
  CHECK(shifted({2, -3}) == Array({{5.F, 6.F}, {1.F, 2.F}}));
  const auto add = function("add", {u8(batch), f32(batch, 2)},
                            [&](Tensor i, Tensor x) { table.assign(scatter_add(table, cast(i, i32), x)); });
  CHECK(thrown([&] { add({7}, {{1, 1}}); }).find("is the index 7, expected 0 to 2") != std::string::npos);
  CHECK(table.value()(2, 1) == 6);
  add({2}, {{1, 1}});
  CHECK(table.value()(2, 1) == 7);
}

TEST_CASE("a row by its index") {
  const auto f = function([](Tensor x) { return outputs(x[0], x[-1][1], x[1] - x[std::size_t{0}]); });
  const auto [first, element, difference] = f(Array({{1.F, 2.F}, {4.F, 8.F}}));
  CHECK(first == Array({1.F, 2.F}));
  CHECK(element == Array::scalar(8.F));
  CHECK(difference == Array({3.F, 6.F}));
  const Variable w("w", Array({{1, 2}, {3, 4}}));
  CHECK(function([&](const Arg& x) { return x[0] + Tensor(w)[1]; })({{10, 20}}) == Array({13, 24}));
  CHECK(error_of({f32(2, 3)}, [](Tensor x) { return x[2]; }) ==
        "@arguments_test.cpp []: there is no row 2 in f32[2,3]");
  CHECK(error_of({f32(2, 3)}, [](Tensor x) { return x[-3]; }) ==
        "@arguments_test.cpp []: there is no row -3 in f32[2,3]");
  CHECK(function("f", {f32(batch, 2)}, [](Tensor x) { return x[0] - x[-1]; })({{1, 2}, {30, 40}, {5, 7}}) ==
        Array({-4.F, -5.F}));
  CHECK(error_of({f32()}, [](Tensor x) { return x[0]; }) == "@arguments_test.cpp []: f32[] has no axis");
}

TEST_CASE("% is the remainder of a division, with the divisor's sign") {
  const auto f = function([](Tensor x, Tensor y) { return x % y; });
  const std::vector<int> dividends{7, -7, 7, -7, 6, 0, 5, -2147483647 - 1, -2147483647 - 1};
  const std::vector<int> divisors{2, 2, -2, -2, 3, 5, 0, -1, 3};
  CHECK(f(dividends, divisors) == Array(std::vector<int>{1, 1, -1, -1, 0, 0, 5, 0, 1}));
  CHECK(function([](Tensor x) { return x % 2; })({std::uint8_t{255}, std::uint8_t{4}}) ==
        Array({std::uint8_t{1}, std::uint8_t{0}}));
  CHECK(function([](Tensor x) { return 7 % x; })(std::vector<std::int64_t>{4}) == Array({std::int64_t{3}}));
  CHECK(function([](Tensor x) { return x % 2; })(std::vector<float>{-0.5F, 7}) == Array(std::vector<float>{1.5F, 1}));
  CHECK(error_of({bool_(2)}, [](Tensor x) { return x % x; }) == "@arguments_test.cpp mod: takes numbers, got bools");
}

TEST_CASE("a tensor may be declared before it is assigned, and added to") {
  const auto f = function([](Tensor x) {
    Tensor y;
    for (int i = 0; i < 3; ++i) y = i == 0 ? x : y * x;
    y += 1;
    y -= x;
    y *= 2;
    y /= 4;
    return y;
  });
  CHECK(f(3.F) == Array::scalar(12.5F));
  const std::string message = "@arguments_test.cpp a Tensor is used before it is assigned; assign it first";
  CHECK(error_of({f32(2)}, [](Tensor x) { return x + Tensor(); }) == message);
  CHECK(error_of({f32(2)}, [](Tensor) { return exp(Tensor()); }) == message);
  CHECK(error_of({f32(2)}, [](Tensor x) {
          Tensor y;
          y += x;
          return y;
        }) == message);
  CHECK(thrown([] { static_cast<void>(Tensor().rank()); }).ends_with("before it is assigned; assign it first"));
  CHECK(error_of({f32(2)}, [](Tensor) { return Tensor(); }).ends_with("before it is assigned; assign it first"));
}

TEST_CASE("const models are called, and lambdas hold them by value") {
  const MLP model(Dense(2), Dropout(0.1), Dense(1));
  const auto f = function("f", {f32(batch, 3)}, [model](Tensor x) { return model(x, Mode::kEvaluate); });
  CHECK(f(Array(DType::kF32, {2, 3})) == Array(DType::kF32, {2, 1}));
  MLP deep;
  for (int i = 0; i < 3; ++i) deep.add(Dense(4, relu));
  deep.add([](Tensor x) { return x * 2; });
  const Dense last(1);
  deep.add(last);
  deep.build(f32(batch, 3));
  CHECK(deep.variables().size() == 8);
  CHECK(last.variables().size() == 2);
  CHECK(function([deep](Tensor x) { return deep(x); })(Array(DType::kF32, {2, 3})).sizes() ==
        std::vector<std::int64_t>{2, 1});
}

TEST_CASE("a function without B reports how to get one") {
  CHECK(error_of({},
                 [] {
                   return random_normal({batch, 3});
                 })
            .ends_with("random_normal: f32[B,3] uses batch, which no parameter of f has: give f an argument with batch "
                       "in its shape, such as f32(batch), or write a number in place of batch"));
}

TEST_CASE("a function that draws random numbers cannot be saved, and the error says what to do") {
  const auto noise = function("noise", {f32(batch)}, [](Tensor x) { return x + random_normal(x.shape()); });
  const std::string message = thrown([&] { save(noise, "never"); });
  CHECK(message.starts_with("@arguments_test.cpp save: @noise draws random numbers at "));
  CHECK(message.find("arguments_test.cpp:") != std::string::npos);
  CHECK(message.find("Make the noise an argument of the function") != std::string::npos);
}
