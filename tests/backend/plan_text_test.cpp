// The text of a plan: every decision that determines the code of its kernels.
#include <doctest/doctest.h>

#include <algorithm>
#include <string>

#include "backend/plan.h"
#include "passes/pass.h"
#include "sluice/ir/text.h"

namespace sluice {
namespace {

/// The same for every machine that the tests run on.
backend::Target fixed_target() {
  backend::Target target = backend::host_target("+avx2,+fma");
  target.second_cache_bytes = 1 << 20;
  return target;
}

backend::Plan plan_of(const std::string& graph) {
  const ir::Graph fused = passes::run_passes(ir::parse("sluice-ir 1\n" + graph), passes::default_pipeline());
  return backend::make_plan(fused, fixed_target());
}

/// The lines of the plan's kernels.
std::string kernels_of(const std::string& graph) {
  const std::string text = to_string(plan_of(graph));
  const std::size_t begin = text.find('\n') + 1;
  return text.substr(begin, text.find("  b0:") - begin);
}

TEST_CASE("a short epilogue works on the accumulators") {
  CHECK(
      kernels_of(R"(graph @layer(%x: f32[B,64], %b: f32[96]) state(%w: f32[64,96] "w") {
  %0: f32[B,96] = matmul %x, %w
  %1: f32[B,96] = broadcast %b {shape=[B,96]}
  %2: f32[B,96] = add %0, %1
  %3: f32[B,96] = relu %2
  return %3
})") ==
      R"(  kernel 0: matmul matmul_add_relu_0 reads b0 b2 b1 writes b3 units 96/24 x B/4 tile 4x3 in registers rhs in place skips zeros scratch 48*B+1216, lists at 768 of 192
)");
}

TEST_CASE("a transposed rhs of many panels is packed ahead") {
  CHECK(
      kernels_of(R"(graph @turned(%x: f32[B,64]) state(%w: f32[100,64] "w") {
  %0: f32[B,100] = matmul %x, %w {transpose_b=true}
  return %0
})") ==
      R"(  kernel 0: matmul matmul_0 reads b0 b1 writes b2 units 100/24 x B/4 tile 4x3 in registers rhs packed ahead skips zeros scratch 48*B+15040, panel at 768, next panel at 7680, lists at 14592 of 192
)");
}

TEST_CASE("an epilogue with exp takes the sums from scratch, an optimizer's runs beside the product") {
  CHECK(
      kernels_of(R"(graph @step(%x: f32[B,70], %d: f32[B,100])
    state(%w: f32[70,100] "w", %m: f32[70,100] "m") {
  %0: f32[B,100] = matmul %x, %w
  %1: f32[B,100] = sigmoid %0
  %2: f32[70,100] = matmul %x, %d {transpose_a=true}
  %3: f32[70,100] = add %m, %2
  %4: f32[70,100] = sub %w, %3
  update %w = %4, %m = %3
  return %1
})") ==
      R"(  kernel 0: matmul matmul_sigmoid_0 reads b0 b2 writes b4 units 100/24 x B/4 tile 4x3 through scratch rhs in place skips zeros scratch 48*B+1216, lists at 768 of 192
  barrier
  kernel 1: matmul matmul_add_sub_1 reads b0 b1 b3 b2 writes b5 b6 units 100/24 x 70/4 tile 4x3 overlapped rhs packed depth by 256 skips zeros scratch 137*B+19648, panel at 768, sums at 96*B+1536, lists at 96*B+8640 of 576
)");
}

TEST_CASE("rows of a batch's matrices that end within a vector are loaded through a mask; loops and the other kinds") {
  CHECK(
      kernels_of(R"(graph @others(%x: f32[B,3,7,9], %y: f32[B,3,9,17], %i: i64[B], %t: f32[10,17]) {
  %0: f32[B,3,7,17] = matmul %x, %y
  %1: f32[B,3,9,17] = exp %y
  %2: f32[B,3,9] = reduce_max %y {axes=[3]}
  %3: f32[B,17] = reduce_sum %0 {axes=[1,2]}
  %4: f32[10,17] = scatter_add %t, %i, %3
  %5: f32[B,3,9,1] = reshape %2 {shape=[B,3,9,1]}
  %6: f32[B,3,9,17] = broadcast %5 {shape=[B,3,9,17]}
  %7: f32[B,3,9,17] = div %1, %6
  return %4, %7
})") ==
      R"(  kernel 0: matmul matmul_0 reads b0 b1 writes b4 units 3*B/1 x 17/24 x 7/4 tile 4x3 in registers rhs masked scratch 768
  barrier
  kernel 1: reduce reduce_sum_1 reads b4 writes b5 units B/1 x 17/8
  barrier
  kernel 2: scatter scatter_add_2 reads b3 b2 b5 writes b6 units 17/64
  kernel 3: rows exp_reduce_max_reshape_div_3 reads b1 writes b7 units B/1 x 3/1 x 9/1
)");
}

TEST_CASE("the alternative of a kernel follows its kind") {
  const backend::Plan plan = plan_of(R"(graph @kinds(%x: f32[B,8], %w: f32[8,8]) {
  %0: f32[B,8] = matmul %x, %w
  %1: f32[B] = reduce_sum %x {axes=[1]}
  return %0, %1
})");
  for (const backend::KernelPlan& kernel : plan.kernels) {
    CAPTURE(kernel.name);
    CHECK((kernel.product() != nullptr) == (kernel.kind() == backend::KernelKind::kMatmul));
    CHECK(std::holds_alternative<backend::ReduceKernel>(kernel.how) == (kernel.kind() == backend::KernelKind::kReduce));
  }
  CHECK(std::ranges::count(plan.kernels, backend::KernelKind::kMatmul, &backend::KernelPlan::kind) == 1);
  CHECK(std::ranges::count(plan.kernels, backend::KernelKind::kReduce, &backend::KernelPlan::kind) == 1);
}

}  // namespace
}  // namespace sluice
