// Bugs in the buffers of a plan: layouts, lifetimes, offsets, sizes, and the order of the kernels that access them.
#include "tests/tools/mutations_plan.h"

#include <algorithm>
#include <limits>

namespace {

using namespace sluice;
using backend::Buffer;
using backend::BufferKind;
using backend::KernelKind;
using backend::KernelPlan;
using backend::Plan;
using test::check_finds_in_plan;
using test::kScaledStep;
using test::kThreeProducts;
using test::kTurned;
using test::operand_of;
using test::planned_kernel;
using test::planned_product;
using test::result_of;

TEST_CASE("a temporary's layout changed after its kernels were planned") {
  const auto plant = [](Plan& plan) {
    Buffer& gradient = result_of(plan, planned_kernel(plan, KernelKind::kMatmul));
    REQUIRE(gradient.layout == backend::state_layout(gradient.type));
    gradient.layout = {64, 64};
  };
  check_finds_in_plan(kScaledStep, plant,
                      {"kernel div_sub_2 runs over buffer", "as one long row, which lies unlike its results"});
}

TEST_CASE("panels of another matrix") {
  const auto plant = [](Plan& plan) {
    Buffer& gradient = result_of(plan, planned_kernel(plan, KernelKind::kMatmul));
    gradient.layout = {48, 8};  // of a matrix of 56 columns
  };
  check_finds_in_plan(kScaledStep, plant, {"kernel matmul_0 touches buffer", "f32[16,64] in panels of 48, 8"});
}

TEST_CASE("panels that fit no tile") {
  const auto plant = [](Plan& plan) {
    KernelPlan& product = planned_kernel(plan, KernelKind::kMatmul);
    const std::int64_t lanes = plan.vector_bytes / 4;
    product.product()->tile.vectors = 3;  // of 3 vectors, in panels of 4
    product.units.axes[0].block = 3 * lanes;
    const std::int64_t panel = 4 * lanes;
    result_of(plan, product).layout = {panel, 112 - 99 / panel * panel};  // as many elements as before
  };
  check_finds_in_plan(R"(sluice-ir 1
graph @wide(%x: f32[B,16], %g: f32[B,100]) {
  %0: f32[16,100] = matmul %x, %g {transpose_a=true}
  %1: f32[] = reduce_max %0 {axes=[0,1]}
  %2: f32[16,100] = broadcast %1 {shape=[16,100]}
  %3: f32[16,100] = sub %0, %2
  return %3
}
)",
                      plant, {"kernel matmul_0", "over the edge of a panel of buffer"});
}

TEST_CASE("a state whose layout is stale") {
  const auto plant = [](Plan& plan) {
    for (Buffer& buffer : plan.buffers) {
      if (buffer.kind == BufferKind::kState) buffer.layout = {};
    }
  };
  check_finds_in_plan(kTurned, plant, {"kernel matmul_relu_0 touches buffer 1, which does not lie as its state does"});
}

TEST_CASE("a result in panels") {
  const auto plant = [](Plan& plan) {
    Buffer& result = result_of(plan, planned_kernel(plan, KernelKind::kMatmul));
    result.layout = backend::aligned_rows(result.type);
  };
  check_finds_in_plan(kTurned, plant, {"kernel matmul_relu_0 touches buffer", "a result that lies in panels"});
}

TEST_CASE("a lhs in panels") {
  const auto plant = [](Plan& plan) {
    Buffer& first = operand_of(plan, planned_kernel(plan, KernelKind::kMatmul, 1), 0);
    first.layout = backend::state_layout(first.type);
  };
  check_finds_in_plan(R"(sluice-ir 1
graph @two(%x: f32[16,8], %w: f32[8,64], %v: f32[64,8]) {
  %0: f32[16,64] = matmul %x, %w
  %1: f32[16,8] = matmul %0, %v
  return %1
}
)",
                      plant, {"kernel matmul_1 reads rows of its first factor, buffer", "which lies in panels"});
}

TEST_CASE("a reshaped value that is not row-major") {
  const auto plant = [](Plan& plan) {
    Buffer& product = result_of(plan, planned_kernel(plan, KernelKind::kMatmul));
    REQUIRE(product.layout.dense());
    product.layout = {64, 64};
  };
  check_finds_in_plan(R"(sluice-ir 1
graph @reshaped(%x: f32[16,8], %w: f32[8,64]) {
  %0: f32[16,64] = matmul %x, %w
  %1: f32[1024] = reshape %0 {shape=[1024]}
  %2: f32[] = reduce_sum %1 {axes=[0]}
  return %2
}
)",
                      plant, {"kernel reduce_sum_1 sees buffer", "f32[16,64] in panels, as f32[1024]"});
}

TEST_CASE("a transposed rhs that is not packed") {
  const auto plant = [](Plan& plan) { planned_product(plan).panels = backend::RhsPanels::kInPlace; };
  check_finds_in_plan(kTurned, plant, {"kernel matmul_relu_0 reads its second factor, buffer 1, as it lies"});
}

TEST_CASE("a lifetime one kernel too short") {
  const auto plant = [](Plan& plan) { --result_of(plan, planned_kernel(plan, KernelKind::kMatmul)).last_use; };
  check_finds_in_plan(kThreeProducts, plant,
                      {"kernel matmul_0 touches buffer 3, whose lifetime is planned as kernels 0 to 1, not 0 to 2"});
}

TEST_CASE("a buffer whose place another one takes while it is live") {
  const auto plant = [](Plan& plan) {
    const Buffer& first = result_of(plan, planned_kernel(plan, KernelKind::kMatmul));
    Buffer& second = result_of(plan, planned_kernel(plan, KernelKind::kMatmul, 1));
    second.offset = Dim(first.offset.size + 64, batch.batch);  // not all of it
    plan.arenas[0].bytes.size = std::max(plan.arenas[0].bytes.size, second.offset.size + second.bytes.size);
  };
  check_finds_in_plan(kThreeProducts, plant, {"kernel matmul_1 overwrites its operand 0, buffer 3"});
}

TEST_CASE("a value overwritten by a later kernel") {
  const auto plant = [](Plan& plan) {  // the second product's result overwrites the first one's, which the third reads
    plan.kernels[1].operands[0] = plan.kernels[0].operands[0];
    result_of(plan, plan.kernels[1]).offset = result_of(plan, plan.kernels[0]).offset;
    result_of(plan, plan.kernels[0]).first_use = 0;
  };
  check_finds_in_plan(kThreeProducts, plant,
                      {"kernel matmul_add_2 reads buffer 3 after kernel matmul_1 has overwritten it with buffer 4"});
}

TEST_CASE("offsets that overflow or leave the arena") {
  for (const std::int64_t offset :
       {std::int64_t{-64}, std::numeric_limits<std::int64_t>::max() - 63, std::int64_t{1} << 20}) {
    CAPTURE(offset);
    const auto plant = [&](Plan& plan) {
      result_of(plan, planned_kernel(plan, KernelKind::kMatmul)).offset.size = offset;
    };
    check_finds_in_plan(kThreeProducts, plant, {"kernel matmul_0 touches buffer 3, which lies at"});
  }
}

TEST_CASE("an arena of no bytes") {
  const auto plant = [](Plan& plan) { plan.arenas[0].bytes.size = 0; };
  check_finds_in_plan(kThreeProducts, plant,
                      {"kernel matmul_0 touches buffer 3, which lies at 0*B in an arena of 0 bytes"});
}

TEST_CASE("an omitted barrier") {
  const auto plant = [](Plan& plan) {
    REQUIRE(plan.kernels.back().barrier_before);
    plan.kernels.back().barrier_before = false;
  };
  check_finds_in_plan(kThreeProducts, plant, {"kernel matmul_add_2 does not wait for kernel matmul_1"});
}

TEST_CASE("a kernel whose operand nothing writes") {
  const auto plant = [](Plan& plan) {
    plan.kernels.erase(plan.kernels.begin());
    for (Buffer& buffer : plan.buffers) buffer.first_use = std::max(0, buffer.first_use - 1);
    for (Buffer& buffer : plan.buffers) buffer.last_use = std::max(0, buffer.last_use - 1);
  };
  check_finds_in_plan(kThreeProducts, plant, {"kernel matmul_1 reads buffer 3 before any kernel has written it"});
}

TEST_CASE("two kernels that write one buffer") {
  const auto plant = [](Plan& plan) { plan.kernels[1].results = plan.kernels[2].results; };
  check_finds_in_plan(kThreeProducts, plant, {"kernel matmul_1 writes buffer 5, as does kernel matmul_add_2"});
}

TEST_CASE("an in-place update that reads the neighbors of what it writes") {
  const auto plant = [](Plan& plan) {  // writes the state at once, without the copy
    KernelPlan& transpose = planned_kernel(plan, KernelKind::kLoop);
    REQUIRE(result_of(plan, transpose).kind == BufferKind::kTemporary);
    for (std::size_t k = 1; k < plan.kernels.size(); ++k) {
      if (plan.kernels[k].operands != transpose.results) continue;
      transpose.results = plan.kernels[k].results;
      plan.kernels.erase(plan.kernels.begin() + static_cast<std::ptrdiff_t>(k));
      return;
    }
    FAIL("no copy to the state");
  };
  check_finds_in_plan(R"(sluice-ir 1
graph @turn(%x: f32[B,8]) state(%w: f32[8,8] "w") {
  %0: f32[8,8] = transpose %w {permutation=[1,0]}
  update %w = %0
  return %x
}
)",
                      plant, {"overwrites its operand 0, buffer 1, while it reads other elements of it"});
}

TEST_CASE("too small a buffer") {
  const auto plant = [](Plan& plan) { result_of(plan, planned_kernel(plan, KernelKind::kMatmul)).bytes.size -= 64; };
  check_finds_in_plan(kThreeProducts, plant, {"kernel matmul_0 touches 320*B bytes of buffer 3, which has 256*B"});
}

TEST_CASE("a buffer without room for the last vector of its last row") {
  const auto plant = [](Plan& plan) {
    Buffer& factor = operand_of(plan, planned_kernel(plan, KernelKind::kMatmul), 1);
    REQUIRE(factor.kind == BufferKind::kTemporary);
    if (factor.tail > 0) factor.bytes.size -= 64;
  };
  // 13 columns are not a whole number of vectors, and 16 rows of them take whole cache lines.
  check_finds_in_plan(R"(sluice-ir 1
graph @tail(%x: f32[16*B,8], %y: f32[16*B,13]) {
  %0: f32[16*B,13] = exp %y
  %1: f32[8,13] = matmul %x, %0 {transpose_a=true}
  %2: f32[16*B] = reduce_sum %0 {axes=[1]}
  return %1, %2
}
)",
                      plant, {"kernel matmul_1 touches", "bytes of buffer"});
}

}  // namespace
