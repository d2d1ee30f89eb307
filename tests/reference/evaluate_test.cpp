// Evaluating a graph: inputs, states, B, fused bodies, precision, errors.
#include <doctest/doctest.h>

#include "ir/reference/interpreter.h"
#include "sluice/error.h"
#include "tests/support/refusal.h"

namespace sluice::ir {
namespace {

const Type kMatrix{DType::kF32, {batch, 2}};

/// %x, %y: f32[B,2]; state %w: f32[2]; returns x + w, B; updates w by w + w.
Graph small_graph() {
  Builder b("small");
  const Value x = b.parameter("x", kMatrix);
  const Value y = b.parameter("y", {DType::kI32, {2 * batch}});
  const Value w = b.state("w", "layer/w", {DType::kF32, {2}});
  const Value sum = b(Op::kAdd, {x, b.broadcast(w, kMatrix.shape)});
  b.set_update(w, b(Op::kAdd, {w, w}));
  b.set_results({sum, b(Op::kBatchSize, {}), y});
  return std::move(b).finish();
}

std::string message_of(const Graph& graph, std::vector<Array> inputs, std::vector<Array> states) {
  return test::refusal([&] { evaluate(graph, inputs, states); });
}

TEST_CASE("a graph is evaluated with its inputs, states and B") {
  const Graph graph = small_graph();
  const std::vector<Array> inputs{Array({1.0F, 2.0F, 3.0F, 4.0F}, {2, 2}), Array({7, 8, 9, 10}, {4})};
  const std::vector<Array> states{Array({10.0F, 20.0F}, {2})};
  const EvalResult result = evaluate(graph, inputs, states);
  REQUIRE(result.results.size() == 3);
  CHECK(result.results[0] == Array({11.0F, 22.0F, 13.0F, 24.0F}, {2, 2}));
  CHECK(result.results[1] == Array::scalar<std::int64_t>(2));
  CHECK(result.results[2] == inputs[1]);
  REQUIRE(result.states.size() == 1);
  CHECK(result.states[0] == Array({20.0F, 40.0F}, {2}));
  CHECK(states[0] == Array({10.0F, 20.0F}, {2}));
  CHECK(bindings_of(graph, inputs) == Bindings(2));
}

TEST_CASE("a state without update keeps its value, and B is 1 if no parameter has it") {
  Builder b("constant");
  b.state("w", "w", {DType::kF64, {}});
  b.set_results({b(Op::kBatchSize, {})});
  const EvalResult result = evaluate(b.graph(), {}, std::vector<Array>{Array::scalar(2.5)});
  CHECK(result.states[0] == Array::scalar(2.5));
  CHECK(result.results[0] == Array::scalar<std::int64_t>(1));
}

TEST_CASE("inputs that do not fit are errors that state what was expected and given") {
  const Graph graph = small_graph();
  const Array w(DType::kF32, {2});
  const Array x(DType::kF32, {3, 2});
  const Array y(DType::kI32, {6});
  CHECK(message_of(graph, {x, y}, {w}) == "accepted");
  CHECK(message_of(graph, {x}, {w}) == "@small: expected 2 inputs, got 1");
  CHECK(message_of(graph, {x, y}, {}) == "@small: expected 1 state, got 0");
  CHECK(message_of(graph, {Array(DType::kF64, {3, 2}), y}, {w}) == "@small: input %x is f64[3,2], expected f32[B,2]");
  CHECK(message_of(graph, {Array(DType::kF32, {3, 3}), y}, {w}) == "@small: input %x is f32[3,3], expected f32[B,2]");
  CHECK(message_of(graph, {Array(DType::kF32, {6}), y}, {w}) == "@small: input %x is f32[6], expected f32[B,2]");
  CHECK(message_of(graph, {x, Array(DType::kI32, {5})}, {w}) ==
        "@small: input %y is i32[5], expected i32[2*B] with B = 3 as in input %x, f32[3,2]");
  CHECK(message_of(graph, {x, Array(DType::kI32, {8})}, {w}) ==
        "@small: input %y is i32[8], expected i32[2*B] with B = 3 as in input %x, f32[3,2]");
  CHECK(message_of(graph, {Array(DType::kF32, {0, 2}), y}, {w}) ==
        "@small: input %x is f32[0,2], expected f32[B,2]: B is at least 1");
  CHECK(message_of(graph, {x, y}, {Array(DType::kF32, {3})}) == "@small: state %w is f32[3], expected f32[2]");
  CHECK_THROWS_AS(bindings_of(graph, std::vector<Array>{x, Array(DType::kI32, {8})}), Error);
}

TEST_CASE("a gradient node is an error at its line") {
  Builder b("loss");
  const Value x = b.parameter("x", {DType::kF32, {}});
  b.set_origins(origin_at({intern_file("model.cpp"), 7, 0}));
  b.set_results({b(Op::kGradient, {x, x})});
  CHECK_THROWS_WITH_AS(evaluate(b.graph(), std::vector<Array>{Array::scalar(1.0F)}, {}),
                       "model.cpp:7: gradient: expected a graph without gradient nodes to evaluate; run the pass "
                       "`differentiate` first",
                       Error);
}

TEST_CASE("fused means its body, with several results and the B of the enclosing graph") {
  Builder body("body");
  const Value p = body.parameter("p", kMatrix);
  const Value q = body.parameter("q", {DType::kF32, {}});
  body.set_results({body(Op::kMul, {p, body.broadcast(q, kMatrix.shape)}), body(Op::kBatchSize, {})});

  Builder b("outer");
  const Value x = b.parameter("x", kMatrix);
  const Value fused = b(Op::kFused, {x, b.scalar(DType::kF32, 3)},
                        {{Attr::kBody, std::make_shared<const Graph>(std::move(body).finish())}});
  b.set_results({Value{fused.node, 1}, fused});
  const EvalResult result = evaluate(b.graph(), std::vector<Array>{Array({1.0F, 2.0F, 3.0F, 4.0F}, {2, 2})}, {});
  CHECK(result.results[0] == Array::scalar<std::int64_t>(2));
  CHECK(result.results[1] == Array({3.0F, 6.0F, 9.0F, 12.0F}, {2, 2}));
}

TEST_CASE("kDouble computes f32 in double and rounds the results unless they are wide") {
  Builder b("wide");
  const Value x = b.parameter("x", {DType::kF32, {}});
  const Value tiny = b.scalar(DType::kF32, 0x1p-30);
  const Value sum = b(Op::kAdd, {x, tiny});
  b.set_results({sum, b(Op::kSub, {sum, x})});
  const std::vector<Array> inputs{Array::scalar(1.0F)};

  const EvalResult narrow = evaluate(b.graph(), inputs, {});
  CHECK(narrow.results[1] == Array::scalar(0.0F));
  const EvalResult rounded = evaluate(b.graph(), inputs, {}, {Precision::kDouble});
  CHECK(rounded.results[0] == Array::scalar(1.0F));
  CHECK(rounded.results[1] == Array::scalar(0x1p-30F));
  const EvalOptions wide{Precision::kDouble, true};
  CHECK(evaluate(b.graph(), inputs, {}, wide).results[0] == Array::scalar(1 + 0x1p-30));
  CHECK(evaluate(b.graph(), std::vector<Array>{Array::scalar(1 + 0x1p-40)}, {}, wide).results[0] ==
        Array::scalar(1 + 0x1p-30 + 0x1p-40));
  CHECK_THROWS_AS(evaluate(b.graph(), std::vector<Array>{Array::scalar(1.0)}, {}, {Precision::kDouble}), Error);
}

}  // namespace
}  // namespace sluice::ir
