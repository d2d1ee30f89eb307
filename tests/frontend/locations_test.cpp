// Every node points to the user's line, however deep inside Sluice it was created.
#include <doctest/doctest.h>

#include <set>

#include "passes/pass.h"
#include "sluice/frontend.h"
#include "sluice/ir/text.h"
#include "tests/frontend/engine.h"

using namespace sluice;

namespace {

/// A user's layer, in the user's file.
constexpr int kTwiceLine = __LINE__ + 2;
struct Twice {
  Tensor operator()(Tensor x) const { return x * 2; }
};

/// Checks that every node, including those in fused bodies, has locations, and that each is in this file, from `first`
/// to `last`. Adds the lines that have a derivative to `derived`.
void check_places(const ir::Graph& graph, int first, int last, std::set<int>& derived) {
  for (const ir::Node& node : graph.nodes()) {
    CAPTURE(to_string(node.op));
    CHECK_FALSE(node.origins.empty());
    for (const ir::Origin& origin : node.origins) {
      REQUIRE(origin.stack != nullptr);
      const Location user = origin.stack->user();
      CHECK(user.file.ends_with("tests/frontend/locations_test.cpp"));
      CHECK(static_cast<int>(user.line) >= first);
      CHECK(static_cast<int>(user.line) <= last);
      if (origin.gradient) derived.insert(static_cast<int>(user.line));
    }
    if (node.op == ir::Op::kFused) check_places(node.attributes.body(), first, last, derived);
  }
}

}  // namespace

TEST_CASE("all nodes of a training step point to this file") {
  MLP model(
      Dense(3, relu), Twice(), [](Tensor x) { return dropout(x, 0.5, Mode::kTrain); }, Dense(2, tanh));
  Adam adam;
  const int first = __LINE__ + 1;
  const auto f = function("f", {f32(batch, 4), u8(batch)}, [&](Tensor x, Tensor y) {
    const Tensor loss = reduce_mean(sparse_softmax_cross_entropy(model(x), y));
    adam.apply(gradients(loss, model.variables()), model.variables());
    return loss;
  });
  const int last = __LINE__;
  std::size_t deep = 0;
  for (const ir::Node& node : f.graph().nodes()) {
    CAPTURE(to_string(node.op));
    REQUIRE(node.origins.size() == 1);
    const ir::CallStack& stack = *node.origins[0].stack;
    const Location user = stack.user();
    CHECK(user.file.ends_with("tests/frontend/locations_test.cpp"));
    CHECK(static_cast<int>(user.line) < last);
    const Location outermost = stack.frames.back();
    CHECK(static_cast<int>(outermost.line) >= first);
    if (stack.user_frame > 0) ++deep;
  }
  CHECK(deep > 20);
  passes::PassOptions options;
  options.on_stage = [&](std::string_view stage, const ir::Graph& graph) {
    CAPTURE(std::string(stage));
    std::set<int> derived;
    check_places(graph, kTwiceLine, last, derived);
    CHECK(derived.empty() == (stage == "traced"));
  };
  passes::run_passes(f.graph(), passes::default_pipeline(), options);
}

TEST_CASE("through every pass each node points to this file, and gradients to the line that they differentiate") {
  Variable w("w", Array(DType::kF32, {4, 2}));
  SGD sgd;
  const int first = __LINE__ + 1;
  const auto f = function("f", {f32(batch, 4), u8(batch)}, [&](Tensor x, Tensor y) {
    const Tensor logits = tanh(matmul(x, w));
    const Tensor loss = reduce_mean(sparse_softmax_cross_entropy(logits, y));
    sgd.apply(gradients(loss, {w}), {w});
    return loss;
  });
  const int last = __LINE__ - 1;
  std::vector<std::string> stages;
  passes::PassOptions options;
  options.on_stage = [&](std::string_view stage, const ir::Graph& graph) {
    CAPTURE(std::string(stage));
    stages.emplace_back(stage);
    std::set<int> derived;
    check_places(graph, first, last, derived);
    if (stage == "traced") {
      CHECK(derived.empty());
    } else {
      CHECK(derived == std::set<int>{first + 1, first + 2});
    }
  };
  const ir::Graph graph = passes::run_passes(f.graph(), passes::default_pipeline(), options);
  CHECK(stages == std::vector<std::string>{"traced", "differentiate", "canonicalize", "cse", "fuse"});
  CHECK(ir::print(graph, {.locations = true}).find("loc(gradient \"") != std::string::npos);
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
