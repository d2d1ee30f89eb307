// Every node points to the user's line, however deep inside of Sluice it was made.
#include <doctest/doctest.h>

#include "frontend/sluice.h"
#include "tests/frontend/engine.h"

using namespace sluice;

namespace {

const bool kEngine = use_test_engine();

/// A layer of a user, in a file of the user.
struct Twice {
  Tensor operator()(Tensor x) const { return x * 2; }
};

}  // namespace

TEST_CASE("all nodes of a training step point to this file") {
  MLP model(Dense(3, relu), Twice(), [](Tensor x) { return dropout(x, 0.5, Mode::kTrain); }, Dense(2, tanh));
  Adam adam;
  const int first = __LINE__;
  const auto f = function("f", {f32(batch, 4), u8(batch)}, [&](Tensor x, Tensor y) {
    const Tensor loss = reduce_mean(sparse_softmax_cross_entropy(model(x), y));
    adam.apply(gradients(loss, model.variables()), model.variables());
    return loss;
  });
  const int last = __LINE__;
  std::size_t deep = 0;
  for (const ir::Node& node : f.graph().nodes()) {
    if (node.op == ir::Op::kParameter) continue;
    CAPTURE(to_string(node.op));
    REQUIRE(node.origins.size() == 1);
    if (node.op == ir::Op::kState && ir::user_location(node.origins) == Location{}) continue;
    const ir::CallStack& stack = *node.origins[0].stack;
    const Location user = stack.user();
    CHECK(user.file.ends_with("tests/frontend/locations_test.cpp"));
    CHECK(static_cast<int>(user.line) < last);
    const Location outermost = stack.frames.back();
    CHECK(static_cast<int>(outermost.line) > first);
    if (stack.user_frame > 0) ++deep;
  }
  CHECK(deep > 20);
}

TEST_CASE("an inlined function's nodes know both lines") {
  const auto inner = function("inner", [](Tensor x) { return x * 2; });
  const int inner_line = __LINE__ - 1;
  const auto outer = function("outer", {f32()}, [&](Tensor x) { return inner(x); });
  const int outer_line = __LINE__ - 1;
  const ir::Node& product = outer.graph().nodes().back();
  REQUIRE(product.op == ir::Op::kMul);
  const ir::CallStack& stack = *product.origins[0].stack;
  CHECK(static_cast<int>(stack.user().line) == inner_line);
  CHECK(static_cast<int>(stack.frames.back().line) == outer_line);
}
