#include "passes/cse.h"

#include <doctest/doctest.h>

#include "ir/text.h"
#include "tests/passes/agreement.h"

namespace {

using namespace sluice;
using ir::Op;
using ir::Value;

/// The number of nodes that cse leaves.
std::size_t nodes_left(std::string_view body) {
  return passes::cse(ir::parse(fmt::format("sluice-ir 1\ngraph @case(%x: f32[4], %y: f32[4]) {{\n{}\n}}\n", body)))
      .nodes()
      .size();
}

TEST_CASE("equal nodes merge, and then those that read them") {
  CHECK(nodes_left(
            "%0: f32[4] = neg %x\n%1: f32[4] = neg %x\n%2: f32[4] = exp %0\n%3: f32[4] = exp %1\nreturn %2, %3") == 4);
}

TEST_CASE("operands of commutative ops may stand in either order, others may not") {
  CHECK(nodes_left("%0: f32[4] = add %x, %y\n%1: f32[4] = add %y, %x\nreturn %0, %1") == 3);
  CHECK(nodes_left("%0: f32[4] = sub %x, %y\n%1: f32[4] = sub %y, %x\nreturn %0, %1") == 4);
}

TEST_CASE("attributes must be equal, constants to the bit") {
  CHECK(nodes_left("%0: f32[2,2] = reshape %x {shape=[2,2]}\n%1: f32[4,1] = reshape %x {shape=[4,1]}\nreturn %0, %1") ==
        4);
  CHECK(nodes_left("%0: f32[] = constant {value=0}\n%1: f32[] = constant {value=-0}\nreturn %0, %1") == 4);
  CHECK(nodes_left("%0: f32[] = constant {value=2}\n%1: f32[] = constant {value=2}\nreturn %0, %1") == 3);
  CHECK(nodes_left("%0: f32[] = constant {value=2}\n%1: f64[] = constant {value=2}\nreturn %0, %1") == 4);
}

TEST_CASE("random ops merge if key, counter and shape are the same") {
  const std::string key = "%k: i64[] = constant {value=1}\n%c: i64[] = constant {value=2}\n";
  const std::string first = "%0: f32[4] = random_uniform %k, %c {dtype=f32, shape=[4]}\n";
  CHECK(nodes_left(key + first + "%1: f32[4] = random_uniform %k, %c {dtype=f32, shape=[4]}\nreturn %0, %1") == 5);
  CHECK(nodes_left(key + first + "%1: f32[4] = random_uniform %c, %k {dtype=f32, shape=[4]}\nreturn %0, %1") == 6);
}

TEST_CASE("inputs of the same type stay apart") { CHECK(nodes_left("return %x, %y") == 2); }

TEST_CASE("a merged node keeps the origins of all") {
  ir::Builder b("origins");
  const Value x = b.parameter("x", {DType::kF32, {}});
  b.set_origins(ir::origin_at({intern_file("model.cpp"), 1, 0}));
  const Value first = b(Op::kExp, {x});
  b.set_origins(ir::origin_at({intern_file("model.cpp"), 2, 0}));
  b.set_results({first, b(Op::kExp, {x})});
  const ir::Graph graph = passes::cse(std::move(b).finish());
  REQUIRE(graph.results()[0] == graph.results()[1]);
  const ir::Origins& origins = graph.node(graph.results()[0]).origins;
  REQUIRE(origins.size() == 2);
  CHECK(origins[0].stack->user().line == 1);
  CHECK(origins[1].stack->user().line == 2);
}

TEST_CASE("random graphs keep their bits, and one run is enough") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    CAPTURE(seed);
    const ir::Graph before = test::random_graph(seed, 5 + static_cast<int>(seed % 90));
    const ir::Graph after = passes::cse(before);
    ir::verify(after);
    REQUIRE(test::same_bits(before, after, seed));
    REQUIRE(ir::equal_structure(passes::cse(after), after));
  }
}

}  // namespace
