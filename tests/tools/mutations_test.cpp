// Plants one bug at a time in a pass: `check` must find it and name the pass and the op.
#include "tests/tools/mutations.h"

#include "passes/cse.h"
#include "passes/differentiate.h"
#include "passes/fuse.h"
#include "passes/rewrite.h"

namespace {

using namespace sluice;
using ir::Attr;
using ir::Graph;
using ir::Node;
using ir::Op;
using ir::Value;
using passes::Rebuild;

void check_pass_bug(const std::string& text, std::string_view pass, Graph (*mutated)(const Graph&),
                    std::string_view named) {
  tools::FullCheckOptions options;
  options.passes.pipeline = test::with_mutated(pass, mutated);
  test::check_finds(text, options, pass, named);
}

bool is_gradient(const Node& node) { return !node.origins.empty() && node.origins[0].gradient; }

const std::string kDense = R"(sluice-ir 1
graph @dense(%x: f32[B,4], %t: f32[B,4]) state(%w: f32[4,4] "w", %b: f32[4] "b") {
  %0: f32[B,4] = matmul %x, %w
  %1: f32[B,4] = broadcast %b {shape=[B,4]}
  %2: f32[B,4] = add %0, %1
  %3: f32[B,4] = relu %2
  %4: f32[B,4] = sub %t, %3
  %5: f32[B,4] = square %4
  %6: f32[] = reduce_sum %5 {axes=[0,1]}
  %7: f32[4,4], %8: f32[4] = gradient %6, %w, %b
  %9: f32[4,4] = sub %w, %7
  %10: f32[4] = sub %b, %8
  update %w = %9, %b = %10
  return %6
}
)";

TEST_CASE("a sign in a gradient rule") {
  constexpr auto kMutated = [](const Graph& graph) {
    return test::changed(passes::differentiate(graph),
                         [](Rebuild& now, const Graph& g, std::uint32_t i) -> std::optional<Value> {
                           if (g.node(i).op != Op::kNeg || !is_gradient(g.node(i))) return std::nullopt;
                           return now.at(g.node(i).operands[0]);
                         });
  };
  check_pass_bug(kDense, "differentiate", kMutated, "the rule of `sub` f32[B,4] (model.ir:7)");
}

TEST_CASE("a gradient rule that omits one of two paths") {
  const std::string text = R"(sluice-ir 1
graph @paths(%x: f32[B,4]) state(%w: f32[4] "w") {
  %0: f32[4] = tanh %w
  %1: f32[4] = exp %w
  %2: f32[4] = mul %0, %1
  %3: f32[] = reduce_sum %2 {axes=[0]}
  %4: f32[4] = gradient %3, %w
  update %w = %4
  return %3
}
)";
  constexpr auto kMutated = [](const Graph& graph) {
    return test::changed(passes::differentiate(graph),
                         [](Rebuild& now, const Graph& g, std::uint32_t i) -> std::optional<Value> {
                           if (g.node(i).op != Op::kAdd || !is_gradient(g.node(i))) return std::nullopt;
                           return now.at(g.node(i).operands[0]);
                         });
  };
  check_pass_bug(text, "differentiate", kMutated, "the rule of `tanh` f32[4] (model.ir:3), `exp` f32[4] (model.ir:4)");
}

TEST_CASE("a relu mask from the wrong side") {
  constexpr auto kMutated = [](const Graph& graph) {
    return test::changed(passes::differentiate(graph),
                         [](Rebuild& now, const Graph& g, std::uint32_t i) -> std::optional<Value> {
                           if (g.node(i).op != Op::kGreater || !is_gradient(g.node(i))) return std::nullopt;
                           return now.builder().add(Op::kLessEqual, now.operands(i), {}, g.node(i).origins);
                         });
  };
  check_pass_bug(kDense, "differentiate", kMutated, "the rule of `relu` f32[B,4] (model.ir:6)");
}

TEST_CASE("a transposed operand") {
  constexpr auto kMutated = [](const Graph& graph) {
    return test::changed(
        passes::canonicalize(graph), [](Rebuild& now, const Graph& g, std::uint32_t i) -> std::optional<Value> {
          if (g.node(i).op != Op::kMatmul || g.node(i).attributes.flag(Attr::kTransposeA)) return std::nullopt;
          return now.builder().add(Op::kMatmul, now.operands(i), {{Attr::kTransposeB, true}}, g.node(i).origins);
        });
  };
  check_pass_bug(kDense, "canonicalize", kMutated, "`matmul` f32[B,4] (model.ir:3)");
}

TEST_CASE("a dropped broadcast") {
  const std::string text = R"(sluice-ir 1
graph @rows(%x: f32[1,4], %y: f32[3,4]) {
  %0: f32[3,4] = broadcast %x {shape=[3,4]}
  %1: f32[3,4] = add %0, %y
  %2: f32[3,4] = exp %1
  return %2
}
)";
  constexpr auto kMutated = [](const Graph& graph) {  // the first row only
    return test::changed(
        passes::canonicalize(graph), [](Rebuild& now, const Graph& g, std::uint32_t i) -> std::optional<Value> {
          if (g.node(i).op != Op::kBroadcast) return std::nullopt;
          return now.builder()(
              Op::kPad, {now.at(g.node(i).operands[0])},
              {{Attr::kAxis, std::int64_t{0}}, {Attr::kHigh, std::int64_t{2}}, {Attr::kLow, std::int64_t{0}}});
        });
  };
  check_pass_bug(text, "canonicalize", kMutated, "`broadcast` f32[3,4] (model.ir:3)");
}

TEST_CASE("softmax without the max") {
  const std::string text = R"(sluice-ir 1
graph @softmax(%x: f32[B,4] {range=[80,100)}) {
  %0: f32[B] = reduce_max %x {axes=[1]}
  %1: f32[B,1] = reshape %0 {shape=[B,1]}
  %2: f32[B,4] = broadcast %1 {shape=[B,4]}
  %3: f32[B,4] = sub %x, %2
  %4: f32[B,4] = exp %3
  %5: f32[B] = reduce_sum %4 {axes=[1]}
  %6: f32[B,1] = reshape %5 {shape=[B,1]}
  %7: f32[B,4] = broadcast %6 {shape=[B,4]}
  %8: f32[B,4] = div %4, %7
  return %8
}
)";
  constexpr auto kMutated = [](const Graph& graph) {
    return test::changed(passes::canonicalize(graph),
                         [](Rebuild& now, const Graph& g, std::uint32_t i) -> std::optional<Value> {
                           if (g.node(i).op != Op::kReduceMax) return std::nullopt;
                           return now.builder().full(g.node(i).types[0], 0);
                         });
  };
  check_pass_bug(text, "canonicalize", kMutated, "model.ir:3");
}

TEST_CASE("an optimizer update that reads the new weight") {
  const std::string text = R"(sluice-ir 1
graph @momentum(%g: f32[4]) state(%w: f32[4] "w", %m: f32[4] "m") {
  %0: f32[4] = sub %w, %g
  %1: f32[4] = mul %w, %m
  update %w = %0, %m = %1
  return
}
)";
  constexpr auto kMutated = [](const Graph& graph) {
    return test::changed(passes::cse(graph), [](Rebuild& now, const Graph& g, std::uint32_t i) -> std::optional<Value> {
      // A part of the graph, in which the check searches for the place, may lack the update.
      if (g.node(i).op != Op::kMul || !g.states()[0].update) return std::nullopt;
      const Value fresh = now.at(*g.states()[0].update);
      return now.builder()(Op::kMul, {fresh, now.at(g.node(i).operands[1])});
    });
  };
  check_pass_bug(text, "cse", kMutated, "state %m");
}

TEST_CASE("a stale constant after folding") {
  const std::string text = R"(sluice-ir 1
graph @folded(%x: f32[B]) {
  %0: f32[] = constant {value=2}
  %1: f32[] = constant {value=3}
  %2: f32[] = mul %0, %1
  %3: f32[B] = broadcast %2 {shape=[B]}
  %4: f32[B] = mul %x, %3
  return %4
}
)";
  constexpr auto kMutated = [](const Graph& graph) {
    return test::changed(passes::canonicalize(graph),
                         [](Rebuild& now, const Graph& g, std::uint32_t i) -> std::optional<Value> {
                           if (g.node(i).op != Op::kConstant || g.node(i).attributes.array().item<float>() != 6)
                             return std::nullopt;
                           return now.builder().scalar(DType::kF32, 2);
                         });
  };
  check_pass_bug(text, "canonicalize", kMutated, "`mul` f32[] (model.ir:5)");
}

TEST_CASE("a cse that ignores an attribute") {
  const std::string text = R"(sluice-ir 1
graph @halves(%x: f32[B,4]) {
  %0: f32[B,2] = slice %x {axis=1, limit=2, start=0}
  %1: f32[B,2] = slice %x {axis=1, limit=4, start=2}
  %2: f32[B,2] = sub %0, %1
  %3: f32[B,2] = tanh %2
  return %3
}
)";
  constexpr auto kMutated = [](const Graph& graph) {
    return test::changed(passes::cse(graph), [](Rebuild& now, const Graph& g, std::uint32_t i) -> std::optional<Value> {
      for (std::uint32_t other = 0; other < i; ++other) {
        const Node& a = g.node(other);
        const Node& b = g.node(i);
        if (a.op == b.op && a.operands == b.operands && a.types == b.types) return now.at({other, 0});
      }
      return std::nullopt;
    });
  };
  check_pass_bug(text, "cse", kMutated, "`sub` f32[B,2] (model.ir:5)");
}

TEST_CASE("a fused body that omits an op") {
  constexpr auto kMutated = [](const Graph& graph) {
    return test::changed(
        passes::fuse(graph), [](Rebuild& now, const Graph& g, std::uint32_t i) -> std::optional<Value> {
          const Node& node = g.node(i);
          if (node.op != Op::kFused || node.types.size() != 1) return std::nullopt;
          auto body = std::make_shared<Graph>(test::changed(
              node.attributes.body(), [](Rebuild& in, const Graph& b, std::uint32_t n) -> std::optional<Value> {
                if (b.node(n).op != Op::kRelu) return std::nullopt;
                return in.at(b.node(n).operands[0]);
              }));
          return now.builder().fused(now.operands(i), body, node.origins);
        });
  };
  check_pass_bug(test::kLayer, "fuse", kMutated, "`relu` f32[B,4] (model.ir:4)");
}

}  // namespace
