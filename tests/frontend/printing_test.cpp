// How types and the elements of arrays print, through {fmt} and <<.
#include <doctest/doctest.h>
#include <fmt/ranges.h>

#include <sstream>

#include "sluice/frontend.h"
#include "tests/frontend/engine.h"
#include "tests/frontend/thrown.h"

using namespace sluice;

namespace {

/// Returns the output of both ways, which is the same.
template <typename T>
std::string printed(const T& value) {
  std::ostringstream out;
  out << value;
  CHECK(out.str() == fmt::format("{}", value));
  return out.str();
}

}  // namespace

TEST_CASE("types, shapes, tensors, variables, modules and functions print") {
  CHECK(printed(DType::kF32) == "f32");
  CHECK(printed(Dim(3)) == "3");
  CHECK(printed(Shape{batch, 3}) == "[B,3]");
  CHECK(printed(Type{DType::kU8, {2}}) == "u8[2]");
  CHECK(fmt::format("{:>8}|", Shape{2}) == "     [2]|");
  CHECK(fmt::format("{}", std::vector<Type>{{DType::kF32, {}}, {DType::kI32, {2}}}) == "[f32[], i32[2]]");
  const Variable w("w", Array({1.F, 2.F}));
  CHECK(printed(w) == "w = [1, 2] f32[2]");
  CHECK(printed(Tensor()) == "no tensor");
  std::string inside;
  const auto f = function("scale", {f32(batch, 2).named("x"), f32()}, [&](Tensor x, Tensor y) {
    inside = printed(x) + " " + printed(w);
    return outputs(x * y * w, y);
  });
  CHECK(printed(f) == "scale(x: f32[B,2], f32[])");
  f.compile();
  CHECK(inside == "f32[B,2] w: f32[2]");
  CHECK(printed(f) == "scale(x: f32[B,2], f32[]) -> f32[B,2], f32[]");
  const auto g = function("g", [](Tensor x) { return x; });
  CHECK(printed(g) == "g(...)");
  g(1.F);
  CHECK(printed(g) == "g(f32[]) -> f32[]");

  const MLP model(Dense(2), Dense(1));
  CHECK(printed(model) == "sequential: 0 variables, 0 elements");
  model.build(f32(batch, 3));
  model.variables()[3].set_trainable(false);
  CHECK(printed(model) ==
        "sequential: 4 variables, 11 elements\n"
        "  dense_0/w: f32[3,2]\n"
        "  dense_0/b: f32[2]\n"
        "  dense_1/w: f32[2,1]\n"
        "  dense_1/b: f32[1], not trained");
  CHECK(printed(SGD()) == "sgd: 1 variable, 1 element\n  learning_rate: f32[], not trained");
}

TEST_CASE("arrays print their ends, or all") {
  const Array long_one = linspace(0, 9, 10);
  CHECK(printed(long_one) == "[0, 1, 2, 3, ..., 6, 7, 8, 9] f32[10]");
  CHECK(to_string(long_one, Shown::kAll) == "[0, 1, 2, 3, 4, 5, 6, 7, 8, 9] f32[10]");
  CHECK(fmt::format("{:all}", long_one) == to_string(long_one, Shown::kAll));
  CHECK_THROWS_AS(static_cast<void>(fmt::format(fmt::runtime("{:some}"), long_one)), fmt::format_error);
}

TEST_CASE("arrays of nested lists, and their elements") {
  const Array a({{1, 2, 3}, {4, 5, 6}});
  CHECK(a.type() == Type{DType::kI32, {2, 3}});
  CHECK(a(1, 2) == 6);
  CHECK(a(-1, -3) == 4);
  CHECK(a.at<int>(0, 1) == 2);
  Array b = a.clone();
  b.at<int>(0, 1) = 7;
  CHECK(b(0, 1) == 7);
  CHECK(a(0, 1) == 2);
  CHECK(Array({{{1.5}, {2.5}}, {{3.5}, {4.5}}}).type() == Type{DType::kF64, {2, 2, 1}});
  CHECK(Array({{{1.5}, {2.5}}, {{3.5}, {4.5}}})(1, 0, 0) == 3.5);
  CHECK(Array({true, false}) == Array(std::vector<bool>{true, false}, {2}));
  CHECK(Array({1.F, 2.F}, {2, 1}).type() == Type{DType::kF32, {2, 1}});
  CHECK(Array::scalar(2.5F)() == 2.5);
  CHECK(thrown([&] { static_cast<void>(a(2, 0)); }) ==
        "@printing_test.cpp array: the index 2 is outside of axis 0 of i32[2,3]");
  CHECK(thrown([&] { static_cast<void>(a(0, -4)); }) ==
        "@printing_test.cpp array: the index -4 is outside of axis 1 of i32[2,3]");
  CHECK(thrown([&] { static_cast<void>(a(0)); }) == "@printing_test.cpp array: expected 2 indices for i32[2,3], got 1");
  CHECK(thrown([&] { static_cast<void>(a.at<float>(0, 0)); }) ==
        "@printing_test.cpp array: the elements of i32[2,3] cannot be viewed as f32");
  CHECK(thrown([&] { Array({{1, 2}, {3}}); }) == "array: the lists of an axis have one length, got [2] and [1]");
  const Array large({(std::int64_t{1} << 53) + 1});
  CHECK(thrown([&] { static_cast<void>(large(0)); }) ==
        "@printing_test.cpp array: a double cannot hold 9007199254740993; use at<std::int64_t>");
}
