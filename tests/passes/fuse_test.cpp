#include "passes/fuse.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "passes/differentiate.h"
#include "passes/pass.h"
#include "passes/rebuild.h"
#include "tests/passes/agreement.h"
#include "tests/passes/fusion_contract.h"
#include "tests/passes/mlp_graph.h"

namespace {

using namespace sluice;
using ir::Attr;
using ir::Builder;
using ir::Op;
using ir::Value;
using test::BodyKind;
using Ops = std::vector<Op>;

constexpr DType kF = DType::kF32;

bool has(const Ops& ops, Op op) { return std::ranges::find(ops, op) != ops.end(); }

ir::Attributes axes(std::vector<std::int64_t> list) { return {{Attr::kAxes, std::move(list)}}; }

/// The fused graph, after checking what holds for every graph.
ir::Graph fused(Builder b) {
  const ir::Graph before = std::move(b).finish();
  const ir::Graph after = passes::fuse(before);
  ir::verify(after);
  test::check_fusion_contract(after);
  CHECK(test::same_bits(before, after, 5));
  CHECK(ir::equal_structure(passes::fuse(after), after));
  return after;
}

TEST_CASE("a training step: products carry bias and relu, its mask, and the update of the weights") {
  const ir::Graph before = passes::differentiate(test::mlp_train_step({6, 5, 3}));
  const ir::Graph after = passes::fuse(before);
  test::check_fusion_contract(after);
  CHECK(test::same_bits(before, after, 1));
  CHECK(ir::equal_structure(passes::fuse(after), after));

  int forward = 0;
  int backward = 0;
  int update = 0;
  for (const ir::Node& node : after.nodes()) {
    CHECK(node.op != Op::kMatmul);
    CHECK(node.op != Op::kBroadcast);
    CHECK(node.op != Op::kOneHot);
    if (node.op != Op::kFused || test::classify_body(node.attributes.body()) != BodyKind::kMatmul) continue;
    Ops ops;
    for (const ir::Node& inner : node.attributes.body().nodes()) ops.push_back(inner.op);
    if (has(ops, Op::kRelu)) {
      ++forward;
      CHECK(node.types.size() == 1);
      CHECK(has(ops, Op::kAdd));
      CHECK_FALSE(has(ops, Op::kGreater));  // the mask is made on the way back, from the activation
    }
    if (has(ops, Op::kSelect)) {
      ++backward;
      CHECK(node.types.size() == 1);
      CHECK(has(ops, Op::kGreater));
    }
    if (has(ops, Op::kSqrt)) {
      ++update;
      CHECK(node.types.size() == 3);  // w, m and v; the gradient itself is stored nowhere
    }
  }
  CHECK(forward == 2);
  CHECK(backward == 2);
  CHECK(update == 3);
  for (const std::string name : {"w0", "w1", "w2"}) {
    const std::uint32_t node = test::update_of(after, name).node;
    CHECK(test::update_of(after, "adam/" + name + "/m").node == node);
    CHECK(test::update_of(after, "adam/" + name + "/v").node == node);
  }
  CHECK(test::kernels(after).size() <= 30);
}

TEST_CASE("a product that is read elsewhere too is one more result") {
  Builder b("f");
  const Value x = b.parameter("x", {kF, {batch, 4}});
  const Value w = b.state("w", "w", {kF, {4, 4}});
  const Value product = b(Op::kMatmul, {x, w});
  b.set_results({b(Op::kTanh, {product}), b(Op::kReduceSum, {product}, axes({0}))});
  const ir::Graph graph = fused(std::move(b));
  CHECK(test::ops_making(graph, graph.results()[0]) == Ops{Op::kMatmul, Op::kTanh});
  CHECK(test::ops_making(graph, graph.results()[1]) == Ops{Op::kReduceSum});
  CHECK(graph.node(graph.results()[0]).types.size() == 2);
}

TEST_CASE("what two products feed goes to the later one") {
  Builder b("f");
  const Value x = b.parameter("x", {kF, {batch, 4}});
  const Value w = b.state("w", "w", {kF, {4, 4}});
  const Value first = b(Op::kMatmul, {x, w});
  const Value second = b(Op::kMatmul, {x, w}, {{Attr::kTransposeB, true}});
  b.set_results({b(Op::kMul, {b(Op::kSigmoid, {first}), second})});
  const ir::Graph graph = fused(std::move(b));
  CHECK(test::ops_making(graph, graph.results()[0]) == Ops{Op::kMatmul, Op::kMul});
  const Value gate = graph.node(graph.results()[0]).operands[2];
  CHECK(test::ops_making(graph, gate) == Ops{Op::kMatmul, Op::kSigmoid});
}

TEST_CASE("a group stays convex: what depends on it by another way is left out") {
  Builder b("f");
  const Value x = b.parameter("x", {kF, {batch, 4}});
  const Value w = b.state("w", "w", {kF, {4, 4}});
  const Value product = b(Op::kMatmul, {x, w});
  const Value row_sum = b(Op::kReduceSum, {product}, axes({1}));
  const Value column = b.reshape(row_sum, {batch, 1});
  b.set_results({b(Op::kSub, {product, b.broadcast(column, {batch, 4})})});
  const ir::Graph graph = fused(std::move(b));
  CHECK(test::ops_making(graph, graph.results()[0]) == Ops{Op::kReshape, Op::kBroadcast, Op::kSub});
}

TEST_CASE("clipping by the global norm: a gradient is stored once, and the norm reads it") {
  Builder b("f");
  const Value x = b.parameter("x", {kF, {batch, 4}});
  const Value g = b.parameter("g", {kF, {batch, 4}});
  const Value w = b.state("w", "w", {kF, {4, 4}});
  const Value gradient = b(Op::kMatmul, {x, g}, {{Attr::kTransposeA, true}});
  const Value norm = b(Op::kSqrt, {b(Op::kReduceSum, {b(Op::kSquare, {gradient})}, axes({0, 1}))});
  b.set_update(w, b(Op::kSub, {w, b(Op::kDiv, {gradient, b.broadcast(norm, {4, 4})})}));
  const ir::Graph graph = fused(std::move(b));
  const Value update = test::update_of(graph, "w");
  CHECK(test::ops_making(graph, update) == Ops{Op::kBroadcast, Op::kDiv, Op::kSub});
  CHECK(test::kernels(graph).size() == 4);  // product; square and sum; root; update
}

TEST_CASE("an elementwise node that only a reduction reads goes into the reduction") {
  Builder b("f");
  const Value x = b.parameter("x", {kF, {batch, 4}});
  const Value scaled = b(Op::kMul, {b(Op::kTanh, {x}), b.full(b.type(x), 2)});
  b.set_results({b(Op::kReduceSum, {scaled}, axes({1}))});
  const ir::Graph graph = fused(std::move(b));
  CHECK(test::kernels(graph).size() == 1);
}

TEST_CASE("reductions over the same axes of the same array join, others do not") {
  Builder b("f");
  const Value x = b.parameter("x", {kF, {batch, 4}});
  const Value square = b(Op::kSquare, {x});
  b.set_results(
      {b(Op::kReduceSum, {x}, axes({1})), b(Op::kReduceMax, {square}, axes({1})), b(Op::kReduceSum, {x}, axes({0}))});
  const ir::Graph graph = fused(std::move(b));
  CHECK(graph.results()[0].node == graph.results()[1].node);
  CHECK(graph.results()[2].node != graph.results()[0].node);
}

TEST_CASE("a broadcast is made anew in every group that reads it") {
  Builder b("f");
  const Value x = b.parameter("x", {kF, {batch, 4}});
  const Value row = b.parameter("row", {kF, {4}});
  const Value w = b.state("w", "w", {kF, {4, 4}});
  const Value wide = b.broadcast(row, {batch, 4});
  const Value first = b(Op::kAdd, {b(Op::kMatmul, {x, w}), wide});
  const Value second = b(Op::kMul, {b(Op::kMatmul, {first, w}), wide});
  b.set_results({second});
  const ir::Graph graph = fused(std::move(b));
  CHECK(test::kernels(graph).size() == 2);
}

TEST_CASE("a broadcast that the product reads too is an operand of the product and made anew for its epilogue") {
  Builder b("f");
  const Value x = b.parameter("x", {kF, {4, 4}});
  const Value row = b.broadcast(b.parameter("row", {kF, {4}}), {4, 4});
  b.set_results({b(Op::kAdd, {b(Op::kMul, {row, x}), b(Op::kMatmul, {row, x})})});
  const ir::Graph graph = fused(std::move(b));
  CHECK(test::kernels(graph).size() == 2);
}

TEST_CASE("loops over one array share it; a lone node with nothing to take in stays plain") {
  Builder b("f");
  const Value x = b.parameter("x", {kF, {batch, 4}});
  const Value y = b.parameter("y", {kF, {4}});
  b.set_results({b(Op::kTanh, {x}), b(Op::kExp, {x}), b(Op::kNeg, {y})});
  const ir::Graph graph = fused(std::move(b));
  CHECK(graph.results()[0].node == graph.results()[1].node);
  CHECK(graph.node(graph.results()[2]).op == Op::kNeg);
}

TEST_CASE("softmax is a loop and reductions") {
  Builder b("f");
  const Value x = b.parameter("x", {kF, {batch, 4}});
  const auto per_row = [&](Value value) { return b.broadcast(b.reshape(value, {batch, 1}), {batch, 4}); };
  const Value shifted = b(Op::kSub, {x, per_row(b(Op::kReduceMax, {x}, axes({1})))});
  const Value power = b(Op::kExp, {shifted});
  b.set_results({b(Op::kDiv, {power, per_row(b.reduce_sum(power, {1}))})});
  const ir::Graph graph = fused(std::move(b));
  CHECK(test::kernels(graph).size() == 4);  // maximum, powers, their sum, quotients
}

TEST_CASE("a fused node keeps the origins of all its nodes") {
  Builder b("f");
  const Value x = b.parameter("x", {kF, {4}});
  b.set_origins(ir::origin_at({intern_file("model.cpp"), 1, 0}));
  const Value y = b(Op::kTanh, {x});
  b.set_origins(ir::origin_at({intern_file("model.cpp"), 2, 0}));
  b.set_results({b(Op::kNeg, {y})});
  const ir::Graph graph = fused(std::move(b));
  CHECK(graph.node(graph.results()[0]).origins.size() == 2);
}

TEST_CASE("random graphs mean the same after fusion, keep the contract and are done after one run") {
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    CAPTURE(seed);
    const ir::Graph before = test::random_graph(seed, 5 + static_cast<int>(seed % 90));
    const ir::Graph after = passes::fuse(before);
    ir::verify(after);
    REQUIRE_NOTHROW(test::check_fusion_contract(after));
    REQUIRE(test::same_bits(before, after, seed));
    REQUIRE(ir::equal_structure(passes::fuse(after), after));
    REQUIRE(test::kernels(after).size() <= test::kernels(passes::remove_dead(before)).size());
  }
}

}  // namespace
