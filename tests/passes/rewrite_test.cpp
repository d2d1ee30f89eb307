#include "passes/rewrite.h"

#include <doctest/doctest.h>

#include "sluice/ir/text.h"
#include "tests/passes/agreement.h"
#include "tests/passes/meaning.h"

namespace {

using namespace sluice;
using passes::Exactness;
using passes::Rule;

TEST_CASE("fast rules are off unless asked for") {
  const ir::Graph graph = ir::parse(R"(sluice-ir 1
graph @scale(%x: f32[B,4]) {
  %0: f32[] = constant {value=255}
  %1: f32[B,4] = broadcast %0 {shape=[B,4]}
  %2: f32[B,4] = div %x, %1
  return %2
}
)");
  CHECK(ir::equal_structure(passes::canonicalize(graph), graph));
  const ir::Graph fast = passes::rewrite(graph, passes::all_rules(), {true, {}});
  CHECK(fast.node(fast.results()[0]).op == ir::Op::kMul);
}

TEST_CASE("exact rules keep every bit of random graphs; all rules terminate") {
  std::vector<Rule> exact;
  for (const Rule& rule : passes::all_rules()) {
    if (rule.exactness == Exactness::kExact) exact.push_back(rule);
  }
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    CAPTURE(seed);
    const ir::Graph before = test::random_graph(seed, 5 + static_cast<int>(seed % 90));
    const ir::Graph rewritten = passes::rewrite(before, exact);
    ir::verify(rewritten);
    REQUIRE(test::same_bits(before, rewritten, seed));
    const ir::Graph canonical = passes::canonicalize(before);
    if (seed % 10 == 0) REQUIRE(test::keeps_meaning(before, canonical, Exactness::kNanBits));
    ir::verify(canonical);
    REQUIRE(ir::equal_structure(passes::canonicalize(canonical), canonical));
  }
}

/// A chain of `links` nodes from `first`, each made by `link` from the previous one, all with their own lines.
template <typename Link>
ir::Value chain(ir::Builder& b, ir::Value first, int links, Link link) {
  ir::Value x = first;
  for (int i = 0; i < links; ++i) {
    b.set_origins(ir::origin_at({"chain.cpp", static_cast<std::uint32_t>(i + 1), 1}));
    x = link(x);
  }
  return x;
}

constexpr int kLong = 10000;

TEST_CASE("a reshape moves through a long chain at once") {
  ir::Builder b("smooth");
  const Shape shape{batch, 4, 4};
  const ir::Value x = b.parameter("x", {DType::kF32, shape});
  const ir::Value y = chain(b, x, kLong, [&](ir::Value value) {
    return b(ir::Op::kMul, {value, b.full({DType::kF32, shape}, 0.9)});
  });
  b.set_results({b.reshape(y, {batch, 16})});
  const ir::Graph graph = passes::canonicalize(std::move(b).finish());
  CHECK(graph.node(graph.results()[0]).op == ir::Op::kMul);
  const ir::Value input = graph.parameters()[0].value;
  for (const ir::Node& node : graph.nodes()) {
    const bool reads = std::ranges::find(node.operands, input) != node.operands.end();
    CHECK(reads == (node.op == ir::Op::kReshape));
  }
  CHECK(graph.nodes().size() == 2 + 3 * kLong);
  // Each node keeps its own line.
  CHECK(graph.node(graph.results()[0]).origins.size() == 1);
}

TEST_CASE("a long chain of constants folds in one sweep") {
  ir::Builder b("clamp");
  const ir::Value x = b.parameter("x", {DType::kF32, {3}});
  const Type type{DType::kF32, {3}};
  const ir::Value z = chain(b, b.full(type, 7), kLong, [&](ir::Value value) {
    const ir::Value limit = b.full(type, 3);
    return b(ir::Op::kSelect, {b(ir::Op::kLess, {value, limit}), x, b(ir::Op::kAdd, {value, limit})});
  });
  b.set_results({z});
  const ir::Graph graph = passes::canonicalize(std::move(b).finish());
  CHECK(graph.nodes().size() == 3);
  CHECK(ir::splat_value(graph, graph.results()[0]) == 7 + 3.0 * kLong);
}

TEST_CASE("reshapes of all links of a long chain are distinguished without walking it") {
  ir::Builder b("links");
  std::vector<ir::Value> results;
  const ir::Value x = b.parameter("x", {DType::kF32, {2, 2}});
  chain(b, x, kLong, [&](ir::Value value) {
    results.push_back(b.reshape(b(ir::Op::kExp, {value}), {4}));
    return b(ir::Op::kTanh, {value});
  });
  b.set_results(results);
  const ir::Graph graph = passes::canonicalize(std::move(b).finish());
  for (const ir::Value result : graph.results()) CHECK(graph.node(result).op == ir::Op::kExp);
}

}  // namespace
