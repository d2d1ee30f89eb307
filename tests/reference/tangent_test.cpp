// Derivatives by dual numbers: against central differences where functions are smooth, against the rows of ops.def
// elsewhere.
#include <cmath>

#include "sluice/error.h"
#include "tests/reference/run_op.h"
#include "tests/support/central_difference.h"
#include "tests/support/float_functions.h"

namespace sluice::ir {
namespace {

using i64 = std::int64_t;
using Axes = std::vector<i64>;

/// Returns the derivative of an op's result along `tangents`.
Array tangent_of(Op op, const std::vector<Array>& operands, const std::vector<Array>& tangents,
                 Attributes attributes = {}) {
  return evaluate_tangent(graph_of(op, operands, std::move(attributes)), operands, {}, tangents, {}).results[0];
}

/// A direction that differs in every element.
std::vector<Array> directions(const std::vector<Array>& operands) {
  std::vector<Array> result;
  double next = 0.3;
  for (const Array& operand : operands) {
    result.emplace_back(DType::kF64, operand.sizes());
    for (double& element : result.back().data<double>()) {
      element = std::sin(next);
      next += 1;
    }
  }
  return result;
}

/// Checks the dual rule of a smooth op against central differences.
void check_smooth(Op op, const std::vector<Array>& operands, const Attributes& attributes = {}) {
  INFO(to_string(op));
  const Graph graph = graph_of(op, operands, attributes);
  const std::vector<Array> tangents = directions(operands);
  const Array computed = evaluate_tangent(graph, operands, {}, tangents, {}).results[0];
  const Array expected = test::central_difference(graph, operands, {}, tangents, {}).results[0];
  REQUIRE(computed.type() == expected.type());
  double largest = 0;
  for (std::size_t i = 0; i < computed.data<double>().size(); ++i) {
    const double x = computed.data<double>()[i];
    const double y = expected.data<double>()[i];
    CHECK(std::abs(x - y) <= 1e-8 * (1 + std::abs(y)));
    largest = std::max(largest, std::abs(x));
  }
  CHECK(largest > 0.01);  // a rule that drops the tangent would agree with zeros
}

TEST_CASE("smooth elementwise ops agree with central differences") {
  const Array x = row({0.3, -1.2, 0.7, 2.1});
  const Array y = row({1.4, 0.6, -0.8, -2.0});
  const Array positive = row({0.3, 1.2, 0.7, 2.1});
  for (const Op op : {Op::kAdd, Op::kSub, Op::kMul, Op::kDiv, Op::kMaximum, Op::kMinimum}) check_smooth(op, {x, y});
  for (const Op op : {Op::kNeg, Op::kAbs, Op::kRelu, Op::kSquare}) check_smooth(op, {x});
  for (const test::FloatFunction& function : test::float_functions()) {
    const OpInfo& row = info(function.op);
    if (row.has(kDifferentiable)) check_smooth(row.op, {row.has(kOfPositive) ? positive : x});
  }
  check_smooth(Op::kPow, {positive, y});
  check_smooth(Op::kSelect, {row({true, false, false, true}), x, y});
  check_smooth(Op::kCast, {x}, {{Attr::kDType, DType::kF32}});
  check_smooth(Op::kAdd, {row({0.5F, 2.0F}), row({1.5F, 4.0F})});
}

TEST_CASE("products, moves and reductions agree with central differences") {
  const Array a({0.3, -1.2, 0.7, 2.1, 0.9, -0.4}, {2, 3});
  const Array b({1.4, 0.6, -0.8, -2.0, 0.1, 1.1}, {3, 2});
  const Array c({0.2, 0.5}, {2, 1});
  check_smooth(Op::kMatmul, {a, b});
  check_smooth(Op::kMatmul, {b, b}, {{Attr::kTransposeA, true}});
  check_smooth(Op::kMatmul, {a, a}, {{Attr::kTransposeB, true}});
  check_smooth(Op::kMatmul, {a, b}, {{Attr::kTransposeA, true}, {Attr::kTransposeB, true}});
  check_smooth(Op::kTranspose, {a}, {{Attr::kPermutation, Axes{1, 0}}});
  check_smooth(Op::kReshape, {a}, {{Attr::kShape, Shape{6}}});
  check_smooth(Op::kBroadcast, {c}, {{Attr::kShape, Shape{2, 2, 3}}});
  check_smooth(Op::kConcat, {a, c}, {{Attr::kAxis, i64{1}}});
  check_smooth(Op::kSlice, {a}, {{Attr::kAxis, i64{1}}, {Attr::kLimit, i64{3}}, {Attr::kStart, i64{1}}});
  check_smooth(Op::kPad, {a}, {{Attr::kAxis, i64{0}}, {Attr::kHigh, i64{1}}, {Attr::kLow, i64{2}}});
  check_smooth(Op::kGather, {b, row({2, 0, 7})});
  check_smooth(Op::kScatterAdd, {b, row({2, 2, -1}), Array({1.0, 2.0, 3.0, 4.0, 5.0, 6.0}, {3, 2})});
  check_smooth(Op::kScatter, {b, row({2, 2, -1}), Array({1.0, 2.0, 3.0, 4.0, 5.0, 6.0}, {3, 2})});
  check_smooth(Op::kReduceSum, {a}, {{Attr::kAxes, Axes{0}}});
  check_smooth(Op::kReduceMax, {a}, {{Attr::kAxes, Axes{1}}});
  check_smooth(Op::kReduceMin, {a}, {{Attr::kAxes, Axes{0, 1}}});
}

TEST_CASE("kinks and ties have the derivatives of the rows") {
  const Array ones = row({1.0, 1.0, 1.0});
  CHECK_SAME(tangent_of(Op::kRelu, {row({0.0, -0.0, 2.0})}, {ones}), row({0.0, 0.0, 1.0}));
  CHECK_SAME(tangent_of(Op::kAbs, {row({0.0, -3.0, 2.0})}, {ones}), row({0.0, -1.0, 1.0}));
  const Array x = row({1.0, 2.0, 3.0});
  const Array y = row({1.0, 3.0, 2.0});
  const Array two = row({2.0, 2.0, 2.0});
  CHECK_SAME(tangent_of(Op::kMaximum, {x, y}, {ones, two}), row({1.0, 2.0, 1.0}));
  CHECK_SAME(tangent_of(Op::kMinimum, {x, y}, {ones, two}), row({1.0, 1.0, 2.0}));
}

TEST_CASE("ties of reduce_max and reduce_min share equally") {
  const Array x({5.0, 1.0, 5.0, 5.0, 2.0, 2.0, 3.0, 2.0}, {2, 4});
  const Array tangent({1.0, 2.0, 4.0, 7.0, 1.0, 2.0, 4.0, 6.0}, {2, 4});
  const Attributes axes{{Attr::kAxes, Axes{1}}};
  CHECK_SAME(tangent_of(Op::kReduceMax, {x}, {tangent}, axes), row({4.0, 4.0}));
  CHECK_SAME(tangent_of(Op::kReduceMin, {x}, {tangent}, axes), row({2.0, 3.0}));
}

TEST_CASE("the branch that select does not take contributes 0, even if it is NaN") {
  CHECK_SAME(tangent_of(Op::kSelect, {row({true, false}), row({1.0, kNaN64}), row({kNaN64, 2.0})},
                        {row({0.0, 0.0}), row({3.0, kNaN64}), row({kNaN64, 4.0})}),
             row({3.0, 4.0}));
}

TEST_CASE("pow: d/dy is 0 unless x > 0, and a constant operand adds nothing") {
  CHECK_SAME(tangent_of(Op::kPow, {row({0.0, -2.0}), row({2.0, 3.0})}, {row({0.0, 0.0}), row({1.0, 1.0})}),
             row({0.0, 0.0}));
  CHECK_SAME(tangent_of(Op::kPow, {row({0.0, -2.0}), row({2.0, 3.0})}, {row({1.0, 1.0}), row({0.0, 0.0})}),
             row({0.0, 12.0}));
}

TEST_CASE("an infinite factor of a constant does not make a derivative NaN") {
  CHECK_SAME(tangent_of(Op::kMul, {row({kInf64}), row({2.0})}, {row({0.0}), row({0.0})}), row({0.0}));
  CHECK_SAME(tangent_of(Op::kDiv, {row({3.0}), row({kInf64})}, {row({1.0}), row({0.0})}), row({0.0}));
  CHECK_SAME(tangent_of(Op::kSigmoid, {row({-1000.0, 1000.0})}, {row({1.0, 1.0})}), row({0.0, 0.0}));
}

TEST_CASE("derivatives stop at stop_gradient, floor, sign, comparisons, integers and random ops") {
  const std::vector<Array> x{row({0.5, -1.5})};
  const std::vector<Array> one{row({1.0, 1.0})};
  const Array zeros = row({0.0, 0.0});
  CHECK_SAME(tangent_of(Op::kStopGradient, x, one), zeros);
  CHECK_SAME(tangent_of(Op::kFloor, x, one), zeros);
  CHECK_SAME(tangent_of(Op::kSign, x, one), zeros);
  CHECK_SAME(tangent_of(Op::kCast, x, one, {{Attr::kDType, DType::kI32}}), zeros);
  CHECK_SAME(tangent_of(Op::kLess, {x[0], x[0]}, {one[0], one[0]}), zeros);
  CHECK_SAME(tangent_of(Op::kArgmax, x, one, {{Attr::kAxis, i64{0}}}), Array(DType::kF64, {}));
  CHECK_SAME(tangent_of(Op::kCast, {row({1, 2})}, {Array()}, {{Attr::kDType, DType::kF64}}), zeros);
  CHECK_SAME(tangent_of(Op::kRandomNormal, {Array::scalar<i64>(1), Array::scalar<i64>(2)}, {Array(), Array()},
                        {{Attr::kDType, DType::kF32}, {Attr::kShape, Shape{2}}}),
             zeros);
}

TEST_CASE("derivatives pass through casts between floats, states and updates") {
  Builder b("step");
  const Value x = b.parameter("x", {DType::kF32, {}});
  const Value w = b.state("w", "w", {DType::kF64, {}});
  const Value product = b(Op::kMul, {b.cast(x, DType::kF64), w});
  b.set_update(w, product);
  b.set_results({b.cast(product, DType::kF32)});
  const EvalResult result =
      evaluate_tangent(b.graph(), std::vector<Array>{Array::scalar(3.0F)}, std::vector<Array>{Array::scalar(5.0)},
                       std::vector<Array>{Array::scalar(1.0)}, std::vector<Array>{Array::scalar(10.0)});
  CHECK_SAME(result.results[0], Array::scalar(35.0));
  CHECK_SAME(result.states[0], Array::scalar(35.0));
}

TEST_CASE("tangents that do not fit are errors") {
  const std::vector<Array> x{row({1.0F, 2.0F})};
  const Graph graph = graph_of(Op::kNeg, x);
  CHECK_THROWS_WITH_AS(evaluate_tangent(graph, x, {}, {}, {}),
                       "evaluate_tangent: expected one tangent for each of the inputs (1), got 0", Error);
  CHECK_THROWS_WITH_AS(evaluate_tangent(graph, x, {}, x, {}),
                       "evaluate_tangent: expected a tangent of type f64[2], got f32[2]", Error);
}

}  // namespace
}  // namespace sluice::ir
