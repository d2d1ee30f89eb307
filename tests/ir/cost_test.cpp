#include "sluice/ir/cost.h"

#include <doctest/doctest.h>

#include "sluice/ir/text.h"

using namespace sluice;

namespace {

/// Returns the cost of the node that computes result `result` of the graph.
ir::Cost cost_of_result(std::string_view text, std::int64_t batch_size, std::size_t result = 0) {
  const ir::Graph graph = ir::parse(text);
  return ir::cost(graph, graph.node(graph.results()[result]), batch_size);
}

}  // namespace

TEST_CASE("a product counts two flops for each multiply-add, and its matrices once") {
  constexpr std::string_view kText = R"(sluice-ir 1
graph @f(%x: f32[B,3], %g: f64[B,3]) state(%w: f32[3,5] "w") {
  %0: f32[B,5] = matmul %x, %w
  %1: f64[3,3] = matmul %g, %g {transpose_a=true}
  return %0, %1
}
)";
  CHECK(cost_of_result(kText, 7, 0).flops == 2 * 7 * 3 * 5);
  CHECK(cost_of_result(kText, 7, 0).bytes == 4 * (7 * 3 + 3 * 5 + 7 * 5));
  CHECK(cost_of_result(kText, 7, 1).flops == 2 * 7 * 3 * 3);
  CHECK(cost_of_result(kText, 7, 1).bytes == 8 * (2 * 7 * 3 + 3 * 3));
}

TEST_CASE("elementwise ops and reductions count elements; moves and conversions count only bytes") {
  constexpr std::string_view kText = R"(sluice-ir 1
graph @f(%x: f32[B,4]) {
  %0: f32[B,4] = exp %x
  %1: f32[B] = reduce_sum %0 {axes=[1]}
  %2: f64[B,4] = cast %x {dtype=f64}
  %3: f32[4,B] = transpose %x {permutation=[1,0]}
  %4: bool[B,4] = greater %x, %0
  return %0, %1, %2, %3, %4
}
)";
  const double flops[] = {12, 12, 0, 0, 12};
  const double bytes[] = {2 * 48, 48 + 12, 48 + 96, 2 * 48, 2 * 48 + 12};
  for (std::size_t i = 0; i < 5; ++i) {
    INFO(i);
    CHECK(cost_of_result(kText, 3, i).flops == flops[i]);
    CHECK(cost_of_result(kText, 3, i).bytes == bytes[i]);
  }
  const ir::Graph graph = ir::parse(kText);
  CHECK(ir::cost(graph, 3).flops == 36);
}

TEST_CASE("a fused node counts its body's flops and its own operands and results") {
  constexpr std::string_view kText = R"(sluice-ir 1
graph @f(%x: f32[B,4]) {
  %0: f32[B,4] = fused(%a: f32[B,4] = %x) {
    %0: f32[B,4] = exp %a
    %1: f32[B,4] = add %0, %a
    return %1
  }
  return %0
}
)";
  CHECK(cost_of_result(kText, 5).flops == 2 * 20);
  CHECK(cost_of_result(kText, 5).bytes == 2 * 80);
}
