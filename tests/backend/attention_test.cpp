// Kernels of attention and of its gradient against the interpreter, on all targets.
#include <string>
#include <utility>
#include <vector>

#include "backend/compile.h"
#include "passes/differentiate.h"
#include "sluice/ir/text.h"
#include "tests/backend/check_jit.h"
#include "tests/support/vector_targets.h"

namespace sluice {
namespace {

using backend::KernelKind;
using ir::Attr;
using ir::Builder;
using ir::Op;
using ir::Value;

struct Problem {
  Shape matrices;
  Dim queries;
  Dim keys;
  std::int64_t depth;
  std::int64_t width;
  bool causal = false;
  std::optional<Type> mask = {};
  double range = 1;
};

/// A graph of attention, the logarithms of its sums, and the derivatives for a random adjoint.
ir::Graph graph_of(const Problem& p) {
  Builder b("attention");
  const auto input = [&](const char* name, Dim rows, std::int64_t width, double range) {
    Shape shape = p.matrices;
    shape.push_back(rows);
    shape.push_back(width);
    return b.parameter(name, {DType::kF32, shape}, ir::Range{-range, range});
  };
  const Value q = input("q", p.queries, p.depth, p.range);
  const Value k = input("k", p.keys, p.depth, p.range);
  const Value v = input("v", p.keys, p.width, 1);
  const Value dy = input("dy", p.queries, p.width, 1);
  const ir::Attributes attributes{{Attr::kCausal, p.causal},
                                  {Attr::kScale, Array::scalar(1 / std::sqrt(static_cast<double>(p.depth)))}};
  std::vector<Value> operands{q, k, v};
  std::optional<Value> mask;
  if (p.mask) {
    mask = b.parameter("mask", *p.mask);
    if (is_float(p.mask->dtype)) {  // some of them -inf
      const Value hidden = b(Op::kLess, {*mask, b.full(*p.mask, -0.5)});
      mask = b(Op::kSelect, {hidden, b.full(*p.mask, -INFINITY), *mask});
    }
    operands.push_back(*mask);
  }
  const Value y = b.add(Op::kAttention, operands, attributes);
  operands = {q, k, v, y, {y.node, 1}, dy};
  if (mask) operands.push_back(*mask);
  const Value by_q = b.add(Op::kAttentionGradient, operands, attributes);
  b.set_results({y, {y.node, 1}, by_q, {by_q.node, 1}, {by_q.node, 2}});
  return std::move(b).finish();
}

void check(const Problem& p, const std::vector<std::int64_t>& batches, double tolerance = 4e-6) {
  const ir::Graph graph = graph_of(p);
  CAPTURE(ir::print(graph));
  for (const std::string& features : test::vector_targets()) {
    CAPTURE(features);
    const backend::Plan plan = backend::plan_graph(graph, {.target_features = features});
    const bool idle = std::ranges::find(p.matrices, Dim(0)) != p.matrices.end();
    CHECK(std::ranges::count(plan.kernels, KernelKind::kAttention, &backend::KernelPlan::kind) == (idle ? 0 : 2));
    test::check_jit(graph, batches, tolerance, {.target_features = features});
  }
}

TEST_CASE("any number of queries and keys") {
  for (const bool causal : {false, true}) {
    check({{2}, batch, batch, 16, 16, causal}, {1, 3, 7, 8, 9, 33, 64, 65, 128, 129, 300});
    check({{}, batch, 40, 5, 9, causal}, {1, 3, 64, 128});
    check({{2}, 21, batch, 5, 9, causal}, {1, 3, 64, 128});
  }
}

TEST_CASE("any depth and width") {
  for (const bool causal : {false, true}) {
    for (const std::int64_t depth : {1, 7, 16, 32, 33, 64, 80, 128}) {
      check({{batch, 2}, 37, 37, depth, depth, causal}, {1, 3});
      check({{batch}, 5, 70, depth, 129 - depth, causal}, {1, 3});
    }
    check({{batch, 2}, 64, 64, 64, 64, causal}, {1, 64});
    check({{batch}, 16, 16, 256, 256, causal}, {3});
  }
}

TEST_CASE("masks over all axes or some") {
  for (const DType dtype : {DType::kBool, DType::kF32}) {
    for (const bool causal : {false, true}) {
      for (const Shape& shape :
           std::vector<Shape>{{batch, 2, 21, 39}, {1, 1, 21, 39}, {batch, 1, 1, 39}, {1, 2, 21, 1}, {1, 1, 1, 1}})
        check({{batch, 2}, 21, 39, 8, 24, causal, Type{dtype, shape}}, {1, 3, 64});
      check({{2}, batch, batch, 8, 8, causal, Type{dtype, {1, batch, batch}}}, {1, 3, 64, 130});
      check({{2}, batch, 40, 8, 8, causal, Type{dtype, {2, batch, 1}}}, {1, 3, 64});
    }
  }
}

TEST_CASE("large scores") {
  check({{2}, batch, batch, 16, 16, false, {}, 6}, {3, 64}, 2e-5);
  check({{2}, batch, batch, 16, 16, true, {}, 6}, {3, 64}, 2e-5);
}

TEST_CASE("no queries, keys or matrices") {
  for (const bool causal : {false, true}) {
    check({{batch}, 0, 7, 4, 4, causal}, {1, 3});
    check({{batch}, 7, 0, 4, 4, causal}, {1, 3});
    check({{batch, 0}, 7, 7, 4, 4, causal}, {1, 3});
    check({{2}, batch - 1, batch, 4, 4, causal}, {1, 3});
    check({{2}, batch, batch - 1, 4, 4, causal}, {1, 3});
  }
}

/// Queries, keys and values in one array [batch,positions,3*heads*depth], as one product makes them.
TEST_CASE("parts of one array are read and stored where they lie") {
  const ir::Graph graph = ir::parse(R"(sluice-ir 1
graph @self_attention(%all: f32[3,B,48], %dy: f32[3,B,16]) {
  %0: f32[3,B,3,2,8] = reshape %all {shape=[3,B,3,2,8]}
  %1: f32[3,3,2,B,8] = transpose %0 {permutation=[2,0,3,1,4]}
  %2: f32[1,3,2,B,8] = slice %1 {axis=0, limit=1, start=0}
  %3: f32[1,3,2,B,8] = slice %1 {axis=0, limit=2, start=1}
  %4: f32[1,3,2,B,8] = slice %1 {axis=0, limit=3, start=2}
  %5: f32[3,2,B,8] = reshape %2 {shape=[3,2,B,8]}
  %6: f32[3,2,B,8] = reshape %3 {shape=[3,2,B,8]}
  %7: f32[3,2,B,8] = reshape %4 {shape=[3,2,B,8]}
  %8: f32[3,2,B,8], %9: f32[3,2,B] = attention %5, %6, %7 {causal=true, scale=0.5}
  %10: f32[3,B,2,8] = transpose %8 {permutation=[0,2,1,3]}
  %11: f32[3,B,16] = reshape %10 {shape=[3,B,16]}
  %12: f32[3,B,16] = mul %11, %dy
  %13: f32[] = reduce_sum %12 {axes=[0,1,2]}
  %14: f32[3,B,48] = gradient %13, %all
  return %11, %14
})");
  for (const std::string& features : test::vector_targets()) {
    CAPTURE(features);
    const backend::Plan plan = backend::plan_graph(graph, {.target_features = features});
    CHECK_MESSAGE(plan.kernels.size() == 2, to_string(plan));
    test::check_jit(passes::differentiate(graph), {1, 3}, 4e-6, {.target_features = features});
  }
}

/// Rows as products have them, [batch*positions,heads*depth].
TEST_CASE("heads of products are read and stored where they lie") {
  const ir::Graph graph = ir::parse(R"(sluice-ir 1
graph @layer(%q: f32[B,21,16], %k: f32[B,21,16], %v: f32[B,21,16], %dy: f32[B,21,16]) {
  %0: f32[B,21,2,8] = reshape %q {shape=[B,21,2,8]}
  %1: f32[B,21,2,8] = reshape %k {shape=[B,21,2,8]}
  %2: f32[B,21,2,8] = reshape %v {shape=[B,21,2,8]}
  %3: f32[B,2,21,8] = transpose %0 {permutation=[0,2,1,3]}
  %4: f32[B,2,21,8] = transpose %1 {permutation=[0,2,1,3]}
  %5: f32[B,2,21,8] = transpose %2 {permutation=[0,2,1,3]}
  %6: f32[B,2,21,8], %7: f32[B,2,21] = attention %3, %4, %5 {scale=0.5}
  %8: f32[B,21,2,8] = transpose %6 {permutation=[0,2,1,3]}
  %9: f32[21*B,16] = reshape %8 {shape=[21*B,16]}
  %10: f32[21*B,16] = reshape %dy {shape=[21*B,16]}
  %11: f32[21*B,16] = mul %9, %10
  %12: f32[] = reduce_sum %11 {axes=[0,1]}
  %13: f32[B,21,16], %14: f32[B,21,16], %15: f32[B,21,16] = gradient %12, %q, %k, %v
  return %9, %13, %14, %15
})");
  const backend::Plan plan = backend::plan_graph(graph, {});
  CHECK_MESSAGE(plan.kernels.size() == 2, to_string(plan));
  test::check_jit(passes::differentiate(graph), {1, 3, 64}, 4e-6);
}

}  // namespace
}  // namespace sluice
