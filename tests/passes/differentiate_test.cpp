// The walk of the pass `differentiate`: paths, nested gradients, and bodies.
#include "passes/differentiate.h"

#include <doctest/doctest.h>

#include "ir/reference/interpreter.h"

namespace {

using namespace sluice;
using ir::Attr;
using ir::Op;
using ir::Value;

TEST_CASE("gradients of gradients share their values") {
  ir::Builder b("nested");
  const Value x = b.parameter("x", {DType::kF64, {}});
  Value y = b(Op::kTanh, {x});
  for (int order = 1; order <= 11; ++order) y = b(Op::kGradient, {y, x});
  b.set_results({y});
  const ir::Graph expanded = passes::differentiate(std::move(b).finish());
  CHECK(expanded.nodes().size() < 20000);
  const std::vector<Array> inputs{Array::scalar(0.0)};
  CHECK(ir::evaluate(expanded, inputs, {}).results[0].item<double>() == -353792);
}

TEST_CASE("a gradient with respect to an intermediate value follows all paths") {
  // y = sum(x^2 * h) with h = 3 x: with respect to h it is x^2, with respect to x it is 9 x^2.
  ir::Builder b("paths");
  const Value x = b.parameter("x", {DType::kF64, {2}});
  const Value h = b(Op::kMul, {x, b.full(b.type(x), 3)});
  const Value y = b.reduce_sum(b(Op::kMul, {b(Op::kSquare, {x}), h}), {0});
  const Value unrelated = b.parameter("unrelated", {DType::kF32, {3}});
  const Value after = b(Op::kNeg, {y});
  const Value gradient = b(Op::kGradient, {y, h, x, unrelated, after, y});
  b.set_results({{gradient.node, 0}, {gradient.node, 1}, {gradient.node, 2}, {gradient.node, 3}, {gradient.node, 4}});
  const ir::Graph expanded = passes::differentiate(std::move(b).finish());
  const std::vector<Array> inputs{Array({1.0, 2.0}, {2}), Array(DType::kF32, {3})};
  const auto results = ir::evaluate(expanded, inputs, {}).results;
  CHECK(results[0] == Array({1.0, 4.0}, {2}));
  CHECK(results[1] == Array({9.0, 36.0}, {2}));
  CHECK(results[2] == Array(DType::kF32, {3}));
  CHECK(results[3].item<double>() == 0);
  CHECK(results[4].item<double>() == 1);
}

TEST_CASE("derivatives stop at integers") {
  ir::Builder b("stop");
  const Value x = b.parameter("x", {DType::kF64, {2}});
  const Value y = b.reduce_sum(b.cast(b.cast(x, DType::kI32), DType::kF64), {0});
  b.set_results({b(Op::kGradient, {y, x})});
  const ir::Graph expanded = passes::differentiate(std::move(b).finish());
  CHECK(ir::evaluate(expanded, std::vector<Array>{Array({1.0, 2.0}, {2})}, {}).results[0] == Array({0.0, 0.0}, {2}));
}

TEST_CASE("what a custom gradient says is the derivative, whatever calculus says") {
  // floor with the slope 3 y + x, of which the derivative by x is 9 y + 3 x + 1.
  ir::Builder b("custom");
  const Type type{DType::kF64, {}};
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
  const Type type{DType::kF64, {}};
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
