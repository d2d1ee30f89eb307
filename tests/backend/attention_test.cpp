// Kernels of attention and of its gradient against the interpreter, on all targets.
#include <string>
#include <utility>
#include <vector>

#include "backend/compile.h"
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

}  // namespace
}  // namespace sluice
