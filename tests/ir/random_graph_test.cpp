#include "ir/random_graph.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <set>

#include "ir/text.h"

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
    if (static_cast<ir::Op>(op) == ir::Op::kFused) continue;  // is made by `fuse`
    CAPTURE(ir::to_string(static_cast<ir::Op>(op)));
    CHECK(ops.contains(static_cast<ir::Op>(op)));
  }
  CHECK(dtypes.size() == kDTypeCount);
  CHECK(updated.size() == kDTypeCount);
}

TEST_CASE("a random graph is the same for the same seed, and its text reads back") {
  for (std::uint64_t seed = 0; seed < 50; ++seed) {
    const std::string text = ir::print(ir::random_graph(seed, 30));
    CHECK(ir::print(ir::random_graph(seed, 30)) == text);
    CHECK(ir::print(ir::parse(text)) == text);
    CHECK(ir::print(ir::random_graph(seed + 1, 30)) != text);
  }
}

}  // namespace
