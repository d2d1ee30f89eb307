#include "passes/rewrite.h"

#include <doctest/doctest.h>

#include "ir/text.h"
#include "tests/passes/agreement.h"

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

TEST_CASE("exact rules keep every bit of random graphs; all rules come to an end") {
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
    ir::verify(canonical);
    REQUIRE(ir::equal_structure(passes::canonicalize(canonical), canonical));
  }
}

}  // namespace
