// Tests the reasons for which two kernels are not fused.
#include "passes/fuse_reasons.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "passes/fuse.h"
#include "passes/pass.h"
#include "sluice/ir/text.h"
#include "tests/passes/agreement.h"
#include "tests/passes/mlp_graph.h"

using namespace sluice;
using passes::Apart;

namespace {

/// Returns the reasons as text, "maker to reader: rule", for the body of a graph of %x: f32[B,8], %y: f32[B,8], %w:
/// f32[8,8].
std::string reasons(const std::string& body) {
  const ir::Graph graph =
      ir::parse("sluice-ir 1\ngraph @g(%x: f32[B,8], %y: f32[B,8], %w: f32[8,8]) {\n" + body + "\n}\n");
  const passes::FuseReport report = passes::fuse_with_reasons(graph);
  CHECK(ir::equal_structure(report.fused, passes::fuse(graph)));
  std::string text;
  for (const Apart& apart : report.apart) {
    text += fmt::format("{}{} to {}: {}", text.empty() ? "" : "; ", to_string(apart.made_by), to_string(apart.read_by),
                        apart.rule);
  }
  return text;
}

/// Invariants of any report: the fused graph is the pass's, every pair is adjacent in it, every pair has a reason.
void check_report(const ir::Graph& graph) {
  const passes::FuseReport report = passes::fuse_with_reasons(graph);
  REQUIRE(ir::equal_structure(report.fused, passes::fuse(graph)));
  for (const Apart& apart : report.apart) {
    CAPTURE(ir::print(report.fused));
    REQUIRE(apart.producer < apart.consumer);
    REQUIRE(apart.consumer < report.fused.nodes().size());
    const auto holds = [&](std::uint32_t index, ir::Op op) {
      const ir::Node& node = report.fused.node(index);
      if (node.op != ir::Op::kFused) return node.op == op;
      const auto nodes = node.attributes.body().nodes();
      return std::ranges::any_of(nodes, [&](const ir::Node& inner) { return inner.op == op; });
    };
    CHECK(holds(apart.producer, apart.made_by));
    CHECK(holds(apart.consumer, apart.read_by));
    CHECK(apart.rule != "another kernel took it first");
  }
}

}  // namespace

TEST_CASE("fused nodes need no reason") {
  CHECK(reasons("%0: f32[B,8] = add %x, %y\n%1: f32[B,8] = relu %0\nreturn %1") == "");
  CHECK(reasons("%0: f32[B,8] = matmul %x, %w\n%1: f32[B,8] = relu %0\nreturn %1") == "");
}

TEST_CASE("each rule that keeps kernels apart is reported") {
  CHECK(reasons("%0: f32[B,8] = exp %x\n%1: f32[B,8] = matmul %0, %w\nreturn %1") ==
        "exp to matmul: a product reads its operands from memory, each element often");
  CHECK(reasons("%0: f32[8] = reduce_sum %x {axes=[0]}\n%1: f32[8] = exp %0\nreturn %1") ==
        "reduce_sum to exp: a reduction ends a kernel");
  CHECK(reasons("%0: f32[B] = reduce_sum %x {axes=[1]}\n%1: f32[B] = exp %0\n%2: f32[] = reduce_max %1 {axes=[0]}\n"
                "return %2") == "exp to reduce_max: a reduction over another axis than that of the rows");
  CHECK(reasons("%0: f32[8,B] = transpose %x {permutation=[1,0]}\n%1: f32[8,B] = exp %0\nreturn %1") ==
        "transpose to exp: transpose is a kernel of its own");
  CHECK(reasons("%0: f32[8,8] = exp %w\n%1: f32[64] = reshape %0 {shape=[64]}\n%2: f32[64] = exp %1\nreturn %2") ==
        "exp to exp: the value is read under another shape, not element by element");
  CHECK(reasons("%0: f32[B,8] = exp %x\n%1: f32[B] = reduce_sum %0 {axes=[1]}\nreturn %0, %1") ==
        "exp to reduce_sum: the value is a result or an update, so memory holds it anyway");
  CHECK(reasons("%0: f32[B,8] = exp %x\n%1: f32[B] = reduce_sum %0 {axes=[1]}\n%2: f32[B,8] = log %0\n"
                "return %1, %2") == "exp to reduce_sum: log reads the value too, so memory holds it anyway");
  CHECK(reasons("%0: f32[B,8] = matmul %x, %w\n%1: f32[B] = reduce_sum %0 {axes=[1]}\nreturn %0, %1") ==
        "matmul to reduce_sum: a reduction cannot ride on a product's store");
  CHECK(reasons("%0: f32[B,8] = matmul %x, %w\n%1: f32[B,8] = matmul %y, %w\n%2: f32[B,8] = add %0, %1\n"
                "return %2") == "matmul to add: a kernel holds one product");
  CHECK(reasons(
            "%0: f32[B,8] = exp %x\n%1: f32[8] = reduce_max %0 {axes=[0]}\n%2: f32[B,8] = broadcast %1 {shape=[B,8]}\n"
            "%3: f32[B,8] = sub %0, %2\nreturn %3") ==
        "exp to reduce_max: sub reads the value too, so memory holds it anyway; "
        "exp to sub: would make a cycle: a third kernel stands between them; reduce_max to sub: a reduction ends a "
        "kernel");
}

TEST_CASE("a perceptron's step and random graphs have a reason for every pair of neighbors") {
  const auto pipeline = passes::default_pipeline();
  const auto before_fusion = pipeline.first(pipeline.size() - 1);
  check_report(passes::run_passes(test::mlp_train_step({5, 4, 3}), before_fusion));
  for (std::uint64_t seed = 1; seed <= 60; ++seed) {
    CAPTURE(seed);
    check_report(passes::run_passes(test::random_graph(seed, 40), before_fusion));
  }
}
