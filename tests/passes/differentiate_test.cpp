#include "passes/differentiate.h"

#include <doctest/doctest.h>

#include <cmath>
#include <limits>
#include <map>

#include "ir/reference/interpreter.h"
#include "passes/gradient_rules.h"
#include "tests/passes/gradient_check.h"

namespace {

using namespace sluice;
using ir::Attr;
using ir::Op;
using ir::Value;
using test::Operand;

struct Case {
  std::string_view name;
  Op op;  ///< the op whose rule it tests
  std::vector<Operand> operands;
  test::Expression expression;
};

constexpr DType kD = DType::kF64;
constexpr ir::Range kPositive{0.5, 2};

test::Expression apply(Op op, ir::Attributes attributes = {}) {
  return [op, attributes](ir::Builder& b, const std::vector<Value>& x) { return b.add(op, x, attributes); };
}

Operand of(Shape shape, std::optional<ir::Range> range = {}, DType dtype = kD) { return {{dtype, shape}, range}; }

std::vector<Case> cases() {
  const Shape s{batch, 4};
  const auto axes = [](std::vector<std::int64_t> list) { return ir::Attributes{{Attr::kAxes, std::move(list)}}; };
  std::vector<Case> list{
      {"add", Op::kAdd, {of(s), of(s)}, apply(Op::kAdd)},
      {"sub", Op::kSub, {of(s), of(s)}, apply(Op::kSub)},
      {"mul", Op::kMul, {of(s), of(s)}, apply(Op::kMul)},
      {"div", Op::kDiv, {of(s), of(s, kPositive)}, apply(Op::kDiv)},
      {"pow", Op::kPow, {of(s, kPositive), of(s)}, apply(Op::kPow)},
      {"pow of a negative base",
       Op::kPow,
       {of(s, ir::Range{-2, -0.5})},
       [](ir::Builder& b, const auto& x) {
         return b(Op::kPow, {x[0], b.full(b.type(x[0]), 3)});
       }},
      {"maximum", Op::kMaximum, {of(s), of(s)}, apply(Op::kMaximum)},
      {"minimum", Op::kMinimum, {of(s), of(s)}, apply(Op::kMinimum)},
      {"neg", Op::kNeg, {of(s)}, apply(Op::kNeg)},
      {"abs", Op::kAbs, {of(s)}, apply(Op::kAbs)},
      {"exp", Op::kExp, {of(s)}, apply(Op::kExp)},
      {"expm1", Op::kExpm1, {of(s)}, apply(Op::kExpm1)},
      {"log1p", Op::kLog1p, {of(s, kPositive)}, apply(Op::kLog1p)},
      {"log", Op::kLog, {of(s, kPositive)}, apply(Op::kLog)},
      {"sqrt", Op::kSqrt, {of(s, kPositive)}, apply(Op::kSqrt)},
      {"rsqrt", Op::kRsqrt, {of(s, kPositive)}, apply(Op::kRsqrt)},
      {"tanh", Op::kTanh, {of(s)}, apply(Op::kTanh)},
      {"sigmoid", Op::kSigmoid, {of(s)}, apply(Op::kSigmoid)},
      {"relu", Op::kRelu, {of(s)}, apply(Op::kRelu)},
      {"square", Op::kSquare, {of(s)}, apply(Op::kSquare)},
      {"select", Op::kSelect, {of(s, {}, DType::kBool), of(s), of(s)}, apply(Op::kSelect)},
      {"cast up", Op::kCast, {of(s, {}, DType::kF32)}, apply(Op::kCast, {{Attr::kDType, DType::kF64}})},
      {"cast down", Op::kCast, {of(s)}, apply(Op::kCast, {{Attr::kDType, DType::kF32}})},
      {"transpose",
       Op::kTranspose,
       {of({2, batch, 3})},
       apply(Op::kTranspose, {{Attr::kPermutation, std::vector<std::int64_t>{1, 2, 0}}})},
      {"reshape", Op::kReshape, {of({batch, 2, 3})}, apply(Op::kReshape, {{Attr::kShape, Shape{batch, 6}}})},
      {"reshape into one axis",
       Op::kReshape,
       {of({batch, 3})},
       apply(Op::kReshape, {{Attr::kShape, Shape{{3, true}}}})},
      {"broadcast of a row", Op::kBroadcast, {of({4})}, apply(Op::kBroadcast, {{Attr::kShape, s}})},
      {"broadcast of a column", Op::kBroadcast, {of({batch, 1})}, apply(Op::kBroadcast, {{Attr::kShape, s}})},
      {"broadcast of a one", Op::kBroadcast, {of({1, 4})}, apply(Op::kBroadcast, {{Attr::kShape, Shape{2, 1, 4}}})},
      {"broadcast of a scalar", Op::kBroadcast, {of({})}, apply(Op::kBroadcast, {{Attr::kShape, s}})},
      {"concat", Op::kConcat, {of({batch, 2}), of({batch, 3})}, apply(Op::kConcat, {{Attr::kAxis, std::int64_t{1}}})},
      {"concat of one", Op::kConcat, {of({batch, 2})}, apply(Op::kConcat, {{Attr::kAxis, std::int64_t{1}}})},
      {"slice",
       Op::kSlice,
       {of({batch, 5})},
       apply(Op::kSlice,
             {{Attr::kAxis, std::int64_t{1}}, {Attr::kStart, std::int64_t{1}}, {Attr::kLimit, std::int64_t{3}}})},
      {"pad",
       Op::kPad,
       {of({batch, 3})},
       apply(Op::kPad,
             {{Attr::kAxis, std::int64_t{1}}, {Attr::kLow, std::int64_t{1}}, {Attr::kHigh, std::int64_t{2}}})},
      // Indices beyond the 6 rows are clamped.
      {"gather", Op::kGather, {of({6, 2}), of({batch, 4}, {}, DType::kI32)}, apply(Op::kGather)},
      {"scatter_add",
       Op::kScatterAdd,
       {of({6, 2}), of({batch, 4}, {}, DType::kI32), of({batch, 4, 2})},
       apply(Op::kScatterAdd)},
      {"reduce_sum of rows", Op::kReduceSum, {of(s)}, apply(Op::kReduceSum, axes({1}))},
      {"reduce_sum of the batch", Op::kReduceSum, {of(s)}, apply(Op::kReduceSum, axes({0}))},
      {"reduce_sum of all", Op::kReduceSum, {of({2, batch, 3})}, apply(Op::kReduceSum, axes({0, 1, 2}))},
      {"reduce_max", Op::kReduceMax, {of(s)}, apply(Op::kReduceMax, axes({1}))},
      {"reduce_max of the batch", Op::kReduceMax, {of(s)}, apply(Op::kReduceMax, axes({0}))},
      {"reduce_min", Op::kReduceMin, {of({2, batch, 3})}, apply(Op::kReduceMin, axes({0, 2}))},
  };
  for (const bool a : {false, true}) {
    for (const bool b : {false, true}) {
      const ir::Attributes attributes{{Attr::kTransposeA, a}, {Attr::kTransposeB, b}};
      const Operand left = of(a ? Shape{3, batch} : Shape{batch, 3});
      list.push_back(
          {"matmul", Op::kMatmul, {left, of(b ? Shape{2, 3} : Shape{3, 2})}, apply(Op::kMatmul, attributes)});
      const Operand inner = of(a ? Shape{batch, 3} : Shape{3, batch});
      list.push_back({"matmul over the batch",
                      Op::kMatmul,
                      {inner, of(b ? Shape{2, batch} : Shape{batch, 2})},
                      apply(Op::kMatmul, attributes)});
    }
  }
  return list;
}

TEST_CASE("each rule agrees with dual numbers and central differences") {
  for (const Case& test : cases()) {
    CAPTURE(test.name);
    test::check_gradient(test::gradient_graph(test.operands, test.expression));
  }
}

TEST_CASE("gradients of gradients agree with dual numbers and central differences") {
  for (const Case& test : cases()) {
    CAPTURE(test.name);
    test::check_gradient(test::second_gradient_graph(test.operands, test.expression));
  }
}

TEST_CASE("every differentiable op has a case") {
  for (int i = 0; i < ir::kOpCount; ++i) {
    const Op op = static_cast<Op>(i);
    CAPTURE(ir::to_string(op));
    bool tested = false;
    for (const Case& test : cases()) tested = tested || test.op == op;
    CHECK(tested == (passes::gradient_rule(op) != nullptr));
  }
}

/// The gradient of sum(op(x...)) by each float operand, at the given points.
std::vector<std::vector<double>> gradients_at(Op op, const std::vector<Array>& points, ir::Attributes attributes = {}) {
  ir::Builder b("at");
  std::vector<Value> x;
  for (const Array& point : points) x.push_back(b.parameter(fmt::format("x{}", x.size()), point.type()));
  const Value r = b.add(op, x, std::move(attributes));
  std::vector<Value> operands{b.type(r).shape.rank() == 0 ? r : b.reduce_sum(r, {0})};
  for (const Value value : x) {
    if (is_float(b.type(value).dtype)) operands.push_back(value);
  }
  const Value gradient = b.add(Op::kGradient, operands);
  std::vector<Value> results;
  for (std::uint32_t i = 0; i + 1 < operands.size(); ++i) results.push_back({gradient.node, i});
  b.set_results(results);
  const ir::Graph expanded = passes::differentiate(std::move(b).finish());
  std::vector<std::vector<double>> values;
  for (const Array& array : ir::evaluate(expanded, points, {}).results) {
    values.emplace_back(array.data<double>().begin(), array.data<double>().end());
  }
  return values;
}

Array row(std::initializer_list<double> values) {
  return Array(std::vector<double>(values), {static_cast<std::int64_t>(values.size())});
}

TEST_CASE("at kinks and ties the derivative is what the op's row says") {
  using Values = std::vector<std::vector<double>>;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  CHECK(gradients_at(Op::kRelu, {row({-1, 0, 2, nan})}) == Values{{0, 0, 1, 0}});
  CHECK(gradients_at(Op::kAbs, {row({-3, 0, 3})}) == Values{{-1, 0, 1}});
  CHECK(gradients_at(Op::kMaximum, {row({1, 2, 3}), row({2, 2, 2})}) == Values{{0, 1, 1}, {1, 0, 0}});
  CHECK(gradients_at(Op::kMinimum, {row({1, 2, 3}), row({2, 2, 2})}) == Values{{1, 1, 0}, {0, 0, 1}});
  const ir::Attributes first_axis{{Attr::kAxes, std::vector<std::int64_t>{0}}};
  CHECK(gradients_at(Op::kReduceMax, {row({5, 1, 5, 2})}, first_axis) == Values{{0.5, 0, 0.5, 0}});
  CHECK(gradients_at(Op::kReduceMin, {row({5, 1, 5, 1})}, first_axis) == Values{{0, 0.5, 0, 0.5}});
  CHECK(gradients_at(Op::kSign, {row({-1, 0.5})}) == Values{{0, 0}});
  CHECK(gradients_at(Op::kFloor, {row({-1.5, 0.5})}) == Values{{0, 0}});
  CHECK(gradients_at(Op::kStopGradient, {row({-1.5, 0.5})}) == Values{{0, 0}});
}

TEST_CASE("pow: the derivative by the exponent is zero where the base is not positive") {
  const auto values = gradients_at(Op::kPow, {row({-2, 0, 2}), row({3, 2, 3})});
  CHECK(values[0] == std::vector<double>{12, 0, 12});
  CHECK(values[1][0] == 0);
  CHECK(values[1][1] == 0);
  CHECK(values[1][2] == doctest::Approx(8 * std::log(2.0)));
}

TEST_CASE("select: the side not taken gets zero, even if it is NaN") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  Array taken(DType::kBool, {2});
  taken.data<bool>()[0] = true;
  const auto values = gradients_at(Op::kSelect, {taken, row({1, nan}), row({nan, 2})});
  CHECK(values == std::vector<std::vector<double>>{{1, 0}, {0, 1}});
}

TEST_CASE("a gradient by an intermediate value follows all paths") {
  // y = sum(x^2 * h) with h = 3 x: by h it is x^2, by x it is 9 x^2.
  ir::Builder b("paths");
  const Value x = b.parameter("x", {kD, {2}});
  const Value h = b(Op::kMul, {x, b.full(b.type(x), 3)});
  const Value y = b.reduce_sum(b(Op::kMul, {b(Op::kSquare, {x}), h}), {0});
  const Value unrelated = b.parameter("unrelated", {DType::kF32, {3}});
  const Value after = b(Op::kNeg, {y});
  const Value gradient = b(Op::kGradient, {y, h, x, unrelated, after, y});
  b.set_results({{gradient.node, 0}, {gradient.node, 1}, {gradient.node, 2}, {gradient.node, 3}, {gradient.node, 4}});
  const ir::Graph expanded = passes::differentiate(std::move(b).finish());
  const std::vector<Array> inputs{row({1, 2}), Array(DType::kF32, {3})};
  const auto results = ir::evaluate(expanded, inputs, {}).results;
  CHECK(results[0] == row({1, 4}));
  CHECK(results[1] == row({9, 36}));
  CHECK(results[2] == Array(DType::kF32, {3}));
  CHECK(results[3].item<double>() == 0);
  CHECK(results[4].item<double>() == 1);
}

TEST_CASE("derivatives stop at integers") {
  ir::Builder b("stop");
  const Value x = b.parameter("x", {kD, {2}});
  const Value y = b.reduce_sum(b.cast(b.cast(x, DType::kI32), kD), {0});
  b.set_results({b(Op::kGradient, {y, x})});
  const ir::Graph expanded = passes::differentiate(std::move(b).finish());
  CHECK(ir::evaluate(expanded, std::vector<Array>{row({1, 2})}, {}).results[0] == row({0, 0}));
}

}  // namespace
