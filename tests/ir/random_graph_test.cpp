#include "ir/random_graph.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <array>
#include <set>
#include <vector>

#include "sluice/ir/text.h"

namespace {

using namespace sluice;

TEST_CASE("random graphs have every op of traced graphs and every dtype") {
  std::set<ir::Op> ops;
  std::set<DType> dtypes;
  std::set<DType> updated;
  for (std::uint64_t seed = 0; seed < 300; ++seed) {
    const ir::Graph graph = ir::random_graph(seed, 40);
    for (const ir::Node& node : graph.nodes()) {
      ops.insert(node.op);
      for (const Type& type : node.types) dtypes.insert(type.dtype);
    }
    for (const ir::State& state : graph.states()) {
      if (state.update) updated.insert(graph.type(state.value).dtype);
    }
  }
  for (int op = 0; op < ir::kOpCount; ++op) {
    if (static_cast<ir::Op>(op) == ir::Op::kFused) continue;  // created only by `fuse`
    CAPTURE(ir::to_string(static_cast<ir::Op>(op)));
    CHECK(ops.contains(static_cast<ir::Op>(op)));
  }
  CHECK(dtypes.size() == kDTypeCount);
  CHECK(updated.size() == kDTypeCount);
}

constexpr std::array kKinds{ir::RandomKind::kSmall, ir::RandomKind::kWide, ir::RandomKind::kEmpty,
                            ir::RandomKind::kChain, ir::RandomKind::kSizes};

TEST_CASE("a random graph is the same for the same seed, and its text reads back") {
  for (const ir::RandomKind kind : kKinds) {
    CAPTURE(ir::to_string(kind));
    for (std::uint64_t seed = 0; seed < 50; ++seed) {
      const std::string text = ir::print(ir::random_graph(seed, 30, kind));
      CHECK(ir::print(ir::random_graph(seed, 30, kind)) == text);
      CHECK(ir::print(ir::parse(text)) == text);
      CHECK(ir::print(ir::random_graph(seed + 1, 30, kind)) != text);
    }
  }
}

/// Returns how many nodes of `op` read `value`.
std::ptrdiff_t readers(const ir::Graph& graph, ir::Value value, ir::Op op) {
  return std::ranges::count_if(graph.nodes(), [&](const ir::Node& node) {
    return node.op == op && std::ranges::find(node.operands, value) != node.operands.end();
  });
}

TEST_CASE("wide graphs have weights of many widths, read by several products, and steps of optimizers") {
  std::set<std::int64_t> widths;
  int shared = 0;
  int stepped = 0;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const ir::Graph graph = ir::random_graph(seed, 25, ir::RandomKind::kWide);
    bool is_shared = false;
    int updated = 0;
    for (const ir::State& state : graph.states()) {
      const Shape& shape = graph.type(state.value).shape;
      if (shape.rank() != 2) continue;
      widths.insert(shape[1].size);
      is_shared = is_shared || readers(graph, state.value, ir::Op::kMatmul) >= 2;
      if (state.update && graph.node(*state.update).op == ir::Op::kSub) ++updated;
    }
    shared += is_shared ? 1 : 0;
    stepped += updated > 0 ? 1 : 0;
  }
  CHECK(widths.size() > 20);
  CHECK(*widths.begin() < 16);
  CHECK(*widths.rbegin() == 300);
  CHECK(shared > 25);
  CHECK(stepped > 25);
}

TEST_CASE("graphs with empty axes have empty operands in products and reductions") {
  std::set<ir::Op> ops;
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    const ir::Graph graph = ir::random_graph(seed, 25, ir::RandomKind::kEmpty);
    for (const ir::Node& node : graph.nodes()) {
      for (const ir::Value operand : node.operands) {
        if (graph.type(operand).shape.element_count() == Dim(0)) ops.insert(node.op);
      }
    }
  }
  for (const ir::Op op : {ir::Op::kMatmul, ir::Op::kReduceSum, ir::Op::kReduceMax, ir::Op::kConcat, ir::Op::kPad,
                          ir::Op::kBroadcast, ir::Op::kReshape, ir::Op::kTranspose, ir::Op::kAdd, ir::Op::kGradient}) {
    CAPTURE(ir::to_string(op));
    CHECK(ops.contains(op));
  }
}

TEST_CASE("chains are long") {
  const ir::Graph graph = ir::random_graph(7, 40, ir::RandomKind::kChain);
  std::vector<int> depth(graph.nodes().size());
  for (std::size_t i = 0; i < depth.size(); ++i) {
    for (const ir::Value operand : graph.nodes()[i].operands) depth[i] = std::max(depth[i], depth[operand.node] + 1);
  }
  CHECK(std::ranges::max(depth) > 100);
}

}  // namespace
