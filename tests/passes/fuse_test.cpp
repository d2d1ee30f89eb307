#include "passes/fuse.h"

#include <doctest/doctest.h>

#include <algorithm>

#include "ir/kernel_kind.h"
#include "passes/differentiate.h"
#include "passes/pass.h"
#include "passes/rebuild.h"
#include "tests/passes/agreement.h"
#include "tests/passes/kernels.h"
#include "tests/passes/mlp_graph.h"

namespace {

using namespace sluice;
using ir::KernelKind;
using ir::Op;
using Ops = std::vector<Op>;

bool has(const Ops& ops, Op op) { return std::ranges::find(ops, op) != ops.end(); }

TEST_CASE("a training step: products include bias and relu, its mask, and the update of the weights") {
  const ir::Graph before = passes::differentiate(test::mlp_train_step({6, 5, 3}));
  const ir::Graph after = passes::fuse(before);
  ir::check_bodies(after);
  CHECK(test::same_bits(before, after, 1));
  CHECK(ir::equal_structure(passes::fuse(after), after));

  int forward = 0;
  int backward = 0;
  int update = 0;
  for (const ir::Node& node : after.nodes()) {
    CHECK(node.op != Op::kMatmul);
    CHECK(node.op != Op::kBroadcast);
    CHECK(node.op != Op::kOneHot);
    if (node.op != Op::kFused || node.attributes.kernel_kind() != KernelKind::kMatmul) continue;
    Ops ops;
    for (const ir::Node& inner : node.attributes.body().nodes()) ops.push_back(inner.op);
    if (has(ops, Op::kRelu)) {
      ++forward;
      CHECK(node.types.size() == 1);
      CHECK(has(ops, Op::kAdd));
      CHECK_FALSE(has(ops, Op::kGreater));  // the mask is computed in the backward pass, from the activation
    }
    if (has(ops, Op::kSelect)) {
      ++backward;
      CHECK(node.types.size() == 1);
      CHECK(has(ops, Op::kGreater));
    }
    if (has(ops, Op::kSqrt)) {
      ++update;
      CHECK(node.types.size() == 4);  // w, m, v, and the bias's gradient; the gradient of w is stored nowhere
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

TEST_CASE("a concat of many operands becomes concats of few") {
  ir::Builder b("many");
  std::vector<ir::Value> parts;
  for (int i = 0; i < 600; ++i) parts.push_back(b.parameter("x" + std::to_string(i), {DType::kF32, {1 + i % 3, 2}}));
  b.set_results({b.add(Op::kConcat, parts, {{ir::Attr::kAxis, 0}})});
  const ir::Graph before = std::move(b).finish();
  const ir::Graph after = passes::fuse(before);
  CHECK(test::kernels(after).size() == 38 + 3 + 1);
  for (const ir::Node& node : after.nodes()) CHECK(node.operands.size() <= 16);
  CHECK(test::same_bits(before, after, 1));
  CHECK(ir::equal_structure(passes::fuse(after), after));
}

TEST_CASE("random graphs mean the same after fusion, follow the contract and need one run") {
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    CAPTURE(seed);
    const ir::Graph before = test::random_graph(seed, 5 + static_cast<int>(seed % 90));
    const ir::Graph after = passes::fuse(before);
    ir::verify(after);
    REQUIRE_NOTHROW(ir::check_bodies(after));
    REQUIRE(test::same_bits(before, after, seed));
    REQUIRE(ir::equal_structure(passes::fuse(after), after));
    REQUIRE(test::kernels(after).size() <= test::kernels(passes::remove_dead(before)).size());
  }
}

}  // namespace
