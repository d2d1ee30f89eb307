// Arrays without elements in whole graphs: layers without inputs or outputs, variables without elements.
#include "backend/plan.h"
#include "passes/differentiate.h"
#include "sluice/ir/text.h"
#include "tests/backend/check_jit.h"
#include "tests/support/vector_targets.h"

namespace sluice {
namespace {

ir::Graph parse(const std::string& body) { return ir::parse("sluice-ir 1\n" + body); }

TEST_CASE("column sums of a product without rows") {
  const ir::Graph graph = parse(R"(graph @no_features(%a: f32[4,0], %g: f32[4,64]) {
  %0: f32[0,64] = matmul %a, %g {transpose_a=true}
  %1: f32[64] = reduce_sum %g {axes=[0]}
  return %0, %1
})");
  Array g(DType::kF32, {4, 64});
  for (int i = 0; i < 256; ++i) g.data<float>()[static_cast<std::size_t>(i)] = static_cast<float>(i);
  std::vector<Array> outputs(2);
  runtime::Executable::create(graph, {})->run(std::vector{Array(DType::kF32, {4, 0}), g}, outputs);
  CHECK(outputs[0].type() == Type{DType::kF32, {0, 64}});
  for (int i = 0; i < 64; ++i) CHECK(outputs[1].data<float>()[static_cast<std::size_t>(i)] == 384 + 4 * i);
  test::check_jit(graph);
}

TEST_CASE("the gradients of a layer without inputs") {
  const ir::Graph graph = parse(R"(graph @step(%x: f32[B,0], %y: f32[B,48])
    state(%w: f32[0,48] "w", %b: f32[48] "b") {
  %0: f32[B,48] = matmul %x, %w
  %1: f32[B,48] = broadcast %b {shape=[B,48]}
  %2: f32[B,48] = add %0, %1
  %3: f32[B,48] = sub %2, %y
  %4: f32[B,48] = square %3
  %5: f32[] = reduce_sum %4 {axes=[0,1]}
  %6: f32[0,48], %7: f32[48] = gradient %5, %w, %b
  return %5, %6, %7
})");
  constexpr std::int64_t kBatch = 5;
  Array y(DType::kF32, {kBatch, 48});
  std::ranges::fill(y.data<float>(), 1.F);
  std::vector<Array> outputs(3);
  const runtime::Variables variables =
      runtime::variables_for(graph, std::vector{Array(DType::kF32, {0, 48}), Array(DType::kF32, {48})});
  runtime::Executable::create(graph, variables)->run(std::vector{Array(DType::kF32, {kBatch, 0}), y}, outputs);
  CHECK(outputs[0].item<float>() == kBatch * 48);
  for (const float slope : outputs[2].data<float>()) CHECK(slope == -10);
}

TEST_CASE("empty variables, in hidden layers of width 0, are updated like any other") {
  const ir::Graph graph = passes::differentiate(parse(R"(graph @step(%x: f32[B,7], %y: f32[B,40])
    state(%w: f32[7,0] "w", %b: f32[0] "b", %v: f32[0,40] "v", %m: f32[0,40] "m", %c: f32[40] "c") {
  %0: f32[B,0] = matmul %x, %w
  %1: f32[B,0] = broadcast %b {shape=[B,0]}
  %2: f32[B,0] = add %0, %1
  %3: f32[B,0] = relu %2
  %4: f32[B,40] = matmul %3, %v
  %5: f32[B,40] = broadcast %c {shape=[B,40]}
  %6: f32[B,40] = add %4, %5
  %7: f32[B,40] = sub %6, %y
  %8: f32[B,40] = square %7
  %9: f32[] = reduce_sum %8 {axes=[0,1]}
  %10: f32[7,0], %11: f32[0], %12: f32[0,40], %13: f32[40] = gradient %9, %w, %b, %v, %c
  %14: f32[7,0] = sub %w, %10
  %15: f32[0] = sub %b, %11
  %16: f32[0,40] = constant {value=[]}
  %17: f32[0,40] = add %m, %12
  %18: f32[0,40] = mul %17, %16
  %19: f32[0,40] = sub %v, %18
  %20: f32[] = constant {value=0.01}
  %21: f32[40] = broadcast %20 {shape=[40]}
  %22: f32[40] = mul %13, %21
  %23: f32[40] = sub %c, %22
  update %w = %14, %b = %15, %m = %17, %v = %19, %c = %23
  return %9, %3
})"));
  for (const std::string& features : test::vector_targets())
    test::check_jit(graph, {1, 3, 64}, 2e-6, {.target_features = features});
}

TEST_CASE("no kernel is planned for values without elements") {
  const ir::Graph graph = parse(R"(graph @f(%x: f32[B,0], %y: f32[0], %w: f32[0,64]) {
  %0: f32[B,0] = relu %x
  %1: f32[B,0] = exp %0
  %2: f32[0] = concat %y, %y {axis=0}
  %3: f32[B,64] = matmul %1, %w
  return %1, %2, %3
})");
  CHECK(runtime::Executable::create(graph, {})->plan()->kernels.size() == 1);
}

}  // namespace
}  // namespace sluice
