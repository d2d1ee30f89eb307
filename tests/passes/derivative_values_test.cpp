// Derivatives of all orders at given points: kinks, ties, zeros, infinite slopes and NaN.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <cmath>
#include <functional>
#include <limits>

#include "ir/reference/interpreter.h"
#include "passes/differentiate.h"
#include "passes/rewrite.h"

namespace {

using namespace sluice;
using ir::Attr;
using ir::Op;
using ir::Value;

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
  const Value parameter = b.parameter("x", {DType::kF64, {}});
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
    return [=](ir::Builder& b, Value x) { return b(Op::kPow, {x, b.scalar(DType::kF64, exponent)}); };
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

/// The mixed second derivative of f(x, y) by y and then x, or by x and then y.
double mixed_derivative(Op op, double x, double y, bool first_by_x) {
  ir::Builder b("mixed");
  const std::vector<Value> v{b.parameter("x", {DType::kF64, {}}), b.parameter("y", {DType::kF64, {}})};
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
          return b(Op::kMul, {b(Op::kMaximum, {x, b.scalar(DType::kF64, 1)}), x});
        }) == Values{2, 2, 0});
}

TEST_CASE("infinite slopes follow IEEE arithmetic, as in TensorFlow and JAX") {
  const double inf = std::numeric_limits<double>::infinity();
  const auto scaled = [](Op op, double factor) {
    return [=](ir::Builder& b, Value x) { return b(Op::kMul, {b(op, {x}), b.scalar(DType::kF64, factor)}); };
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
      const Value zero = b.scalar(DType::kF64, 0);
      return b(Op::kSelect, {b(Op::kGreater, {x, zero}), b(op, {x}), zero});
    };
  };
  CHECK(derivatives_at(-1, 1, choose(Op::kLog))[0] == 0);
  CHECK(std::isnan(derivatives_at(0, 1, choose(Op::kLog))[0]));
  // With the operand selected as well, nothing is multiplied by 0.
  CHECK(derivatives_at(0, 2, [](ir::Builder& b, Value x) {
          const Value zero = b.scalar(DType::kF64, 0);
          const Value positive = b(Op::kGreater, {x, zero});
          const Value root = b(Op::kSqrt, {b(Op::kSelect, {positive, x, b.scalar(DType::kF64, 1)})});
          return b(Op::kSelect, {positive, root, zero});
        }) == std::vector<double>{0, 0});
}

TEST_CASE("sqrt and rsqrt that do not reach y have derivative 0, of all orders") {
  const auto choose = [](Op op) {
    return [=](ir::Builder& b, Value x) {
      const Value zero = b.scalar(DType::kF64, 0);
      return b(Op::kSelect, {b(Op::kGreater, {x, zero}), b(op, {x}), zero});
    };
  };
  for (const Op op : {Op::kSqrt, Op::kRsqrt}) {
    for (const double x : {-1.0, 0.0}) CHECK(derivatives_at(x, 3, choose(op)) == std::vector<double>{0, 0, 0});
  }
  CHECK(derivatives_at(4, 2, choose(Op::kSqrt)) == std::vector<double>{0.25, -0.03125});
  CHECK(derivatives_at(0, 1, [](ir::Builder& b, Value x) {
          return b(Op::kMul, {b(Op::kSqrt, {x}), b.scalar(DType::kF64, 0)});
        })[0] == 0);
  // Where the adjoint happens to be 0 and the slope is finite, as for (sqrt(x) - 2)^2 at 4, higher orders see it all.
  CHECK(derivatives_at(4, 2, [](ir::Builder& b, Value x) {
          return b(Op::kSquare, {b(Op::kSub, {b(Op::kSqrt, {x}), b.scalar(DType::kF64, 2)})});
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

}  // namespace
