#include "passes/differentiate.h"

#include <doctest/doctest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <map>

#include "ir/reference/interpreter.h"
#include "passes/gradient_rules.h"
#include "passes/rewrite.h"
#include "tests/passes/gradient_check.h"
#include "tests/support/float_functions.h"

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

/// Two results, one of which reads an operand twice.
std::shared_ptr<const ir::Graph> fused_body(const Type& type) {
  ir::Builder b("fused");
  const Value x = b.parameter("x", type);
  const Value y = b.parameter("y", type);
  const Value z = b.parameter("z", type);
  const Value product = b(Op::kMul, {x, y});
  b.set_results({b(Op::kTanh, {product}), b(Op::kAdd, {b(Op::kSquare, {z}), product})});
  return std::make_shared<const ir::Graph>(std::move(b).finish());
}

/// The derivative of x y, whose second adjoint is zero or not.
std::shared_ptr<const ir::Graph> product_body(const Type& type) {
  ir::Builder b("custom_gradient");
  std::vector<Value> p;
  for (const std::string_view name : {"y0", "y1", "x0", "x1"}) p.push_back(b.parameter(std::string(name), type));
  p.push_back(b.parameter("x2", {DType::kI32, {}}));
  for (const std::string_view name : {"dy0", "dy1"}) p.push_back(b.parameter(std::string(name), type));
  const Value by_x = b(Op::kAdd, {b(Op::kMul, {p[5], p[3]}), b(Op::kMul, {p[6], p[1]})});
  b.set_results({by_x, b(Op::kMul, {p[5], p[2]})});
  return std::make_shared<const ir::Graph>(std::move(b).finish());
}

/// x y and exp(x), with a gradient of their own.
std::vector<Value> product_and_exp(ir::Builder& b, Value x, Value y) {
  const Value count = b.scalar(DType::kI32, 3);
  const Value first = b.add(Op::kCustomGradient, {b(Op::kMul, {x, y}), b(Op::kExp, {x}), x, y, count},
                            {{Attr::kBody, product_body(b.type(x))}});
  return {first, {first.node, 1}};
}

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
       apply(Op::kReshape, {{Attr::kShape, Shape{3 * batch}}})},
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
  const auto fused = [s](ir::Builder& b, Value x, Value y, Value z) {
    const Value first = b.fused({x, y, z}, fused_body({kD, s}));
    return std::vector<Value>{first, {first.node, 1}};
  };
  list.push_back({"fused, both results", Op::kFused, {of(s), of(s)}, [=](ir::Builder& b, const auto& x) {
                    const std::vector<Value> both = fused(b, x[0], x[1], x[0]);
                    return b(Op::kMul, {both[0], both[1]});
                  }});
  list.push_back({"fused, the second result", Op::kFused, {of(s), of(s)}, [=](ir::Builder& b, const auto& x) {
                    return fused(b, x[0], x[1], b(Op::kNeg, {x[1]}))[1];
                  }});
  list.push_back(
      {"custom_gradient, both results", Op::kCustomGradient, {of(s), of(s)}, [](ir::Builder& b, const auto& x) {
         const std::vector<Value> both = product_and_exp(b, x[0], x[1]);
         return b(Op::kMul, {both[0], both[1]});
       }});
  list.push_back(
      {"custom_gradient, the second result", Op::kCustomGradient, {of(s), of(s)}, [](ir::Builder& b, const auto& x) {
         return product_and_exp(b, b(Op::kSquare, {x[0]}), x[1])[1];
       }});
  for (const test::FloatFunction& function : test::float_functions()) {
    if (!ir::info(function.op).has(ir::kDifferentiable)) continue;
    const auto range = ir::info(function.op).has(ir::kOfPositive) ? kPositive : function.range;
    list.push_back({to_string(function.op), function.op, {of(s, range)}, apply(function.op)});
  }
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

TEST_CASE("pow: the derivative with respect to the exponent is zero where the base is not positive") {
  const auto values = gradients_at(Op::kPow, {row({-2, 0, 2}), row({3, 2, 3})});
  CHECK(values[0] == std::vector<double>{12, 0, 12});
  CHECK(values[1][0] == 0);
  CHECK(values[1][1] == 0);
  CHECK(values[1][2] == doctest::Approx(8 * std::log(2.0)));
}

/// The derivatives of sum(f(x)) by x at `x`, of the orders 1, 2, ...
std::vector<double> derivatives_at(double x, int orders, const std::function<Value(ir::Builder&, Value)>& f) {
  ir::Builder b("orders");
  const Value parameter = b.parameter("x", {kD, {}});
  std::vector<Value> results{f(b, parameter)};
  for (int i = 0; i < orders; ++i) results.push_back(b(Op::kGradient, {results.back(), parameter}));
  results.erase(results.begin());
  b.set_results(results);
  const ir::Graph expanded = passes::differentiate(std::move(b).finish());
  const std::vector<Array> inputs{Array::scalar(x)};
  std::vector<double> values;
  for (const Array& array : ir::evaluate(expanded, inputs, {}).results) values.push_back(array.item<double>());
  // Compiled code computes the same values.
  const auto canonical = ir::evaluate(passes::canonicalize(expanded), inputs, {}).results;
  for (std::size_t i = 0; i < values.size(); ++i) {
    CHECK((canonical[i].item<double>() == values[i] || std::isnan(values[i])));
  }
  return values;
}

TEST_CASE("derivatives of all orders of integer powers, including at 0") {
  const auto power = [](double exponent) {
    return [=](ir::Builder& b, Value x) { return b(Op::kPow, {x, b.scalar(kD, exponent)}); };
  };
  using Values = std::vector<double>;
  CHECK(derivatives_at(0, 3, power(0)) == Values{0, 0, 0});
  CHECK(derivatives_at(0, 4, power(1)) == Values{1, 0, 0, 0});
  CHECK(derivatives_at(0, 4, power(2)) == Values{0, 2, 0, 0});
  CHECK(derivatives_at(0, 6, power(4)) == Values{0, 0, 0, 24, 0, 0});
  CHECK(derivatives_at(2, 6, power(4)) == Values{32, 48, 48, 24, 0, 0});
  CHECK(derivatives_at(-2, 5, power(3)) == Values{12, -12, 6, 0, 0});
  CHECK(derivatives_at(1e-200, 4, power(2)) == Values{2e-200, 2, 0, 0});
  CHECK(derivatives_at(2, 3, power(-1)) == Values{-0.25, 0.25, -0.375});
  CHECK(derivatives_at(0, 2, power(0.5))[0] == std::numeric_limits<double>::infinity());
  CHECK(std::isnan(derivatives_at(-1, 1, power(0.5))[0]));
}

TEST_CASE("gradients of gradients share their values") {
  ir::Builder b("nested");
  const Value x = b.parameter("x", {kD, {}});
  Value y = b(Op::kTanh, {x});
  for (int order = 1; order <= 11; ++order) y = b(Op::kGradient, {y, x});
  b.set_results({y});
  const ir::Graph expanded = passes::differentiate(std::move(b).finish());
  CHECK(expanded.nodes().size() < 20000);
  const std::vector<Array> inputs{Array::scalar(0.0)};
  CHECK(ir::evaluate(expanded, inputs, {}).results[0].item<double>() == -353792);
}

/// The mixed second derivative of f(x, y) by y and then x, or by x and then y.
double mixed_derivative(Op op, double x, double y, bool first_by_x) {
  ir::Builder b("mixed");
  const std::vector<Value> v{b.parameter("x", {kD, {}}), b.parameter("y", {kD, {}})};
  const Value once = b(Op::kGradient, {b(op, {v[0], v[1]}), v[first_by_x ? 0 : 1]});
  b.set_results({b(Op::kGradient, {once, v[first_by_x ? 1 : 0]})});
  const std::vector<Array> inputs{Array::scalar(x), Array::scalar(y)};
  return ir::evaluate(passes::differentiate(std::move(b).finish()), inputs, {}).results[0].item<double>();
}

TEST_CASE("mixed derivatives of powers and quotients") {
  for (const bool first_by_x : {false, true}) {
    CAPTURE(first_by_x);
    const auto pow_at = [&](double x, double y) { return mixed_derivative(Op::kPow, x, y, first_by_x); };
    CHECK(pow_at(2, 3) == doctest::Approx(4 + 12 * std::log(2.0)));
    CHECK(pow_at(4, 0) == doctest::Approx(0.25));  // x^(y-1) (1 + y log x)
    CHECK(mixed_derivative(Op::kDiv, 3, 2, first_by_x) == doctest::Approx(-0.25));
  }
  // With respect to y, the derivative is the constant 0 where x is not positive.
  CHECK(mixed_derivative(Op::kPow, 0, 0.5, false) == 0);
  CHECK(mixed_derivative(Op::kPow, 0, 2, false) == 0);
  CHECK(mixed_derivative(Op::kPow, -2, 3, false) == 0);
}

TEST_CASE("second derivatives of functions with kinks are zero next to them and as in their rows at them") {
  using Values = std::vector<double>;
  const auto apply_to = [](Op op) { return [=](ir::Builder& b, Value x) { return b(op, {x}); }; };
  for (const double x : {-2.0, 0.0, 2.0}) {
    CAPTURE(x);
    const double sign = x > 0 ? 1 : (x < 0 ? -1 : 0);
    CHECK(derivatives_at(x, 3, apply_to(Op::kAbs)) == Values{sign, 0, 0});
    CHECK(derivatives_at(x, 3, apply_to(Op::kRelu)) == Values{x > 0 ? 1.0 : 0.0, 0, 0});
    CHECK(derivatives_at(x, 2, apply_to(Op::kSign)) == Values{0, 0});
    CHECK(derivatives_at(x, 3, apply_to(Op::kSquare)) == Values{2 * x, 2, 0});
  }
  // max(x, 1) x: at the tie x = 1 it is x x.
  CHECK(derivatives_at(1, 3, [](ir::Builder& b, Value x) {
          return b(Op::kMul, {b(Op::kMaximum, {x, b.scalar(kD, 1)}), x});
        }) == Values{2, 2, 0});
}

TEST_CASE("infinite slopes follow IEEE arithmetic, as in TensorFlow and JAX") {
  const double inf = std::numeric_limits<double>::infinity();
  const auto scaled = [](Op op, double factor) {
    return [=](ir::Builder& b, Value x) { return b(Op::kMul, {b(op, {x}), b.scalar(kD, factor)}); };
  };
  CHECK(derivatives_at(0, 1, scaled(Op::kSqrt, 1))[0] == inf);
  CHECK(derivatives_at(0, 1, scaled(Op::kLog, 1))[0] == inf);
  CHECK(derivatives_at(0, 1, scaled(Op::kRsqrt, 1))[0] == -inf);
  CHECK(std::isnan(derivatives_at(0, 1, scaled(Op::kLog, 0))[0]));
  // The slope alone, -0.5e300, fits; the cube of 1 / sqrt(x) times a large adjoint would not have to.
  CHECK(derivatives_at(1e-210, 1, scaled(Op::kRsqrt, 1e-10))[0] == doctest::Approx(-0.5e305));
  // select passes 0 to the branch not taken, and the ops there propagate it as they propagate any 0.
  const auto choose = [](Op op) {
    return [=](ir::Builder& b, Value x) {
      const Value zero = b.scalar(kD, 0);
      return b(Op::kSelect, {b(Op::kGreater, {x, zero}), b(op, {x}), zero});
    };
  };
  CHECK(derivatives_at(-1, 1, choose(Op::kLog))[0] == 0);
  CHECK(std::isnan(derivatives_at(0, 1, choose(Op::kLog))[0]));
  // With the operand selected as well, nothing is multiplied by 0.
  CHECK(derivatives_at(0, 2, [](ir::Builder& b, Value x) {
          const Value zero = b.scalar(kD, 0);
          const Value positive = b(Op::kGreater, {x, zero});
          const Value root = b(Op::kSqrt, {b(Op::kSelect, {positive, x, b.scalar(kD, 1)})});
          return b(Op::kSelect, {positive, root, zero});
        }) == std::vector<double>{0, 0});
}

TEST_CASE("sqrt and rsqrt that do not reach y have derivative 0, of all orders") {
  const auto choose = [](Op op) {
    return [=](ir::Builder& b, Value x) {
      const Value zero = b.scalar(kD, 0);
      return b(Op::kSelect, {b(Op::kGreater, {x, zero}), b(op, {x}), zero});
    };
  };
  for (const Op op : {Op::kSqrt, Op::kRsqrt}) {
    for (const double x : {-1.0, 0.0}) CHECK(derivatives_at(x, 3, choose(op)) == std::vector<double>{0, 0, 0});
  }
  CHECK(derivatives_at(4, 2, choose(Op::kSqrt)) == std::vector<double>{0.25, -0.03125});
  CHECK(derivatives_at(0, 1, [](ir::Builder& b, Value x) {
          return b(Op::kMul, {b(Op::kSqrt, {x}), b.scalar(kD, 0)});
        })[0] == 0);
  // Where the adjoint happens to be 0 and the slope is finite, as for (sqrt(x) - 2)^2 at 4, higher orders see it all.
  CHECK(derivatives_at(4, 2, [](ir::Builder& b, Value x) {
          return b(Op::kSquare, {b(Op::kSub, {b(Op::kSqrt, {x}), b.scalar(kD, 2)})});
        }) == std::vector<double>{0, 0.125});
}

TEST_CASE("NaN: maximum passes the derivative to y; reduce_max and reduce_min pass NaN to all folded elements") {
  using Values = std::vector<std::vector<double>>;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const Op op : {Op::kMaximum, Op::kMinimum}) {
    CHECK(gradients_at(op, {row({nan, 1, nan}), row({1, nan, nan})}) == Values{{0, 0, 0}, {1, 1, 1}});
  }
  const ir::Attributes rows{{Attr::kAxes, std::vector<std::int64_t>{1}}};
  const double inf = std::numeric_limits<double>::infinity();
  const Array x(std::vector<double>{1, nan, 3, 2, 2, 1, inf, -inf, inf}, {3, 3});
  for (const Op op : {Op::kReduceMax, Op::kReduceMin}) {
    const std::vector<double> g = gradients_at(op, {x}, rows)[0];
    for (const std::size_t i : {0U, 1U, 2U}) CHECK(std::isnan(g[i]));
    const bool largest = op == Op::kReduceMax;
    const std::vector<double> expected =
        largest ? std::vector<double>{0.5, 0.5, 0, 0.5, 0, 0.5} : std::vector<double>{0, 0, 1, 0, 1, 0};
    CHECK(std::vector<double>(g.begin() + 3, g.end()) == expected);
  }
}

TEST_CASE("select: the branch not taken gets zero, even if it is NaN") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  Array taken(DType::kBool, {2});
  taken.data<bool>()[0] = true;
  const auto values = gradients_at(Op::kSelect, {taken, row({1, nan}), row({nan, 2})});
  CHECK(values == std::vector<std::vector<double>>{{1, 0}, {0, 1}});
}

TEST_CASE("a gradient with respect to an intermediate value follows all paths") {
  // y = sum(x^2 * h) with h = 3 x: with respect to h it is x^2, with respect to x it is 9 x^2.
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

TEST_CASE("what a custom gradient says is the derivative, whatever calculus says") {
  // floor with the slope 3 y + x, of which the derivative by x is 9 y + 3 x + 1.
  ir::Builder b("custom");
  const Type type{kD, {}};
  const Value x = b.parameter("x", type);
  const Value floor = b(Op::kFloor, {x});
  ir::Builder body("custom_gradient");
  const Value y0 = body.parameter("y", type);
  const Value x0 = body.parameter("x", type);
  const Value dy = body.parameter("dy", type);
  const Value slope = body(Op::kAdd, {body(Op::kMul, {body.full(type, 3), y0}), x0});
  body.set_results({body(Op::kMul, {dy, slope})});
  const Value y = b.add(Op::kCustomGradient, {floor, x},
                        {{Attr::kBody, std::make_shared<const ir::Graph>(std::move(body).finish())}});
  const Value first = b(Op::kGradient, {y, x});
  b.set_results({y, first, b(Op::kGradient, {first, x}), b(Op::kGradient, {y, floor}), b(Op::kGradient, {y, y})});
  const ir::Graph graph = std::move(b).finish();
  const ir::Graph expanded = passes::differentiate(graph);
  for (const ir::Node& node : expanded.nodes()) CHECK(node.op != Op::kCustomGradient);
  std::vector<double> results;
  for (const Array& result : ir::evaluate(expanded, {{Array::scalar(2.5)}}, {}).results)
    results.push_back(result.item<double>());
  CHECK(results == std::vector<double>{2, 8.5, 3 * 8.5 + 1, 0, 1});
}

TEST_CASE("a body may hold gradients, which are expanded where it is put") {
  ir::Builder b("custom");
  const Type type{kD, {}};
  const Value x = b.parameter("x", type);
  ir::Builder body("custom_gradient");
  body.parameter("y", type);
  const Value x0 = body.parameter("x", type);
  const Value dy = body.parameter("dy", type);
  const Value cube = body(Op::kMul, {body(Op::kSquare, {x0}), x0});
  body.set_results({body(Op::kMul, {dy, body(Op::kGradient, {cube, x0})})});
  const Value y = b.add(Op::kCustomGradient, {b(Op::kNeg, {x}), x},
                        {{Attr::kBody, std::make_shared<const ir::Graph>(std::move(body).finish())}});
  const Value first = b(Op::kGradient, {y, x});
  b.set_results({first, b(Op::kGradient, {first, x})});
  const auto results = ir::evaluate(passes::differentiate(std::move(b).finish()), {{Array::scalar(2.0)}}, {}).results;
  CHECK(results[0].item<double>() == 12);
  CHECK(results[1].item<double>() == 12);
}

}  // namespace
