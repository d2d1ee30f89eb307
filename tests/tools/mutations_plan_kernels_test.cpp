// Bugs in the kernels of a plan: units, schedules, operands and scratch.
#include <utility>

#include "tests/tools/mutations_plan.h"

namespace {

using namespace sluice;
using backend::KernelKind;
using backend::KernelPlan;
using backend::Plan;
using test::check_finds_in_plan;
using test::kScaledStep;
using test::kThreeProducts;
using test::kTurned;
using test::planned_kernel;
using test::planned_product;

/// A product of rows and a gradient with a large K, both with lists of nonzeros.
constexpr const char* kListed = R"(sluice-ir 1
graph @listed(%x: f32[B,64], %y: f32[B,100]) state(%w: f32[64,100] "w") {
  %0: f32[B,64] = relu %x
  %1: f32[B,100] = matmul %0, %w
  %2: f32[64,100] = matmul %0, %y {transpose_a=true}
  return %1, %2
}
)";

TEST_CASE("units that omit elements if B is large") {
  const auto plant = [](Plan& plan) { planned_kernel(plan, KernelKind::kMatmul).units.axes[1].size = 128; };
  check_finds_in_plan(kThreeProducts, plant, {"kernel matmul_0 has units that do not cover Bx64"});
}

/// Products of B times 3 matrices, whose rows of 17 columns a vector reaches past.
constexpr const char* kBatch = R"(sluice-ir 1
graph @batch(%x: f32[B,3,7,9], %y: f32[B,3,9,17]) {
  %0: f32[B,3,7,17] = matmul %x, %y
  return %0
}
)";

TEST_CASE("units that omit or repeat matrices of a batch") {
  const std::string message = "kernel matmul_0 has units that do not cover 3*B matrices of 7x17";
  for (const Dim wrong : {batch, Dim(3), 6 * batch}) {
    const auto plant = [&](Plan& plan) { planned_kernel(plan, KernelKind::kMatmul).units.axes[0].size = wrong; };
    check_finds_in_plan(kBatch, plant, {message});
  }
  const auto no_batch = [](Plan& plan) {
    auto& axes = planned_kernel(plan, KernelKind::kMatmul).units.axes;
    axes.erase(axes.begin());
  };
  check_finds_in_plan(kBatch, no_batch, {message});
}

TEST_CASE("a batch that reads past the caller's memory, or that skips zeros") {
  const auto unmasked = [](Plan& plan) { planned_product(plan).panels = backend::RhsPanels::kInPlace; };
  check_finds_in_plan(kBatch, unmasked, {"kernel matmul_0 touches", "bytes of buffer 1, which has"});
  const auto skips = [](Plan& plan) { planned_product(plan).skips_zeros = true; };
  check_finds_in_plan(kBatch, skips, {"kernel matmul_0 would make lists of one of its matrices for all of them"});
}

TEST_CASE("units that repeat elements") {
  const auto plant = [](Plan& plan) { planned_kernel(plan, KernelKind::kReduce).units.axes.push_back({2, 1}); };
  check_finds_in_plan(kScaledStep, plant, {"kernel square_reduce_sum_1 has units 2/1, which do not cover 1"});
}

TEST_CASE("units of another tile") {
  const auto plant = [](Plan& plan) { planned_product(plan).tile.rows += 1; };
  check_finds_in_plan(kThreeProducts, plant, {"kernel matmul_0 has units that do not cover"});
}

TEST_CASE("a flat loop over fewer elements than the layout has") {
  const auto plant = [](Plan& plan) {
    KernelPlan& loop = planned_kernel(plan, KernelKind::kLoop);
    REQUIRE(std::get<backend::LoopKernel>(loop.how).flat);
    loop.units.axes[0].size = 16 * 64 - 1024 + 512;
  };
  check_finds_in_plan(kScaledStep, plant, {"kernel div_sub_2 has units 512/1024, which do not cover 1024/1024"});
}

TEST_CASE("a loop that runs as one long row over a transposed value") {
  const auto plant = [](Plan& plan) {
    KernelPlan& loop = planned_kernel(plan, KernelKind::kLoop);
    loop.how.emplace<backend::LoopKernel>().flat = true;
    loop.units.axes = {{Dim(64), backend::kFlatBlock}};
  };
  check_finds_in_plan(R"(sluice-ir 1
graph @transposed(%x: f32[8,8]) {
  %0: f32[8,8] = transpose %x {permutation=[1,0]}
  %1: f32[8,8] = exp %0
  return %1
}
)",
                      plant, {"runs as one long row over a transpose"});
}

TEST_CASE("too little scratch") {
  const auto plant = [](Plan& plan) {
    backend::Bytes& end = planned_product(plan).scratch.end;
    end = end - 64;
  };
  check_finds_in_plan(test::kLayer, plant, {"kernel matmul_relu_0 has less scratch than its parts take"});
}

TEST_CASE("overlapping parts of scratch") {
  const auto plant = [](Plan& plan) {
    backend::ProductScratch& parts = planned_product(plan).scratch;
    parts.next_panel = parts.panel;
  };
  check_finds_in_plan(kTurned, plant, {"kernel matmul_relu_0 has no room for a packed panel in scratch"});
}

TEST_CASE("a product of other operands than the body's") {
  const auto swapped = [](Plan& plan) { std::swap(planned_product(plan).lhs, planned_product(plan).rhs); };
  check_finds_in_plan(kTurned, swapped, {"kernel matmul_relu_0 multiplies other operands than its body"});
  const auto elsewhere = [](Plan& plan) { ++planned_product(plan).matmul; };
  check_finds_in_plan(kTurned, elsewhere, {"kernel matmul_relu_0 has no product at node 3"});
}

TEST_CASE("a schedule that the product's sizes do not allow") {
  const auto in_registers = [](Plan& plan) { planned_product(plan).schedule = backend::ProductSchedule::kInRegisters; };
  check_finds_in_plan(R"(sluice-ir 1
graph @wide(%x: f32[16,8], %y: f32[8,B]) {
  %0: f32[16,B] = matmul %x, %y
  return %0
}
)",
                      in_registers, {"kernel matmul_0 takes sums of a width that only B says from registers"});
  const auto ahead = [](Plan& plan) { planned_product(plan).panels = backend::RhsPanels::kPackedAhead; };
  check_finds_in_plan(kThreeProducts, ahead, {"kernel matmul_0 cannot pack its panels ahead"});
}

TEST_CASE("lists that grow too slowly with B") {
  const auto plant = [](Plan& plan) {
    backend::ProductKernel& product = planned_product(plan);
    REQUIRE(product.skips_zeros);
    product.scratch.end = product.scratch.end - batch;
  };
  check_finds_in_plan(kListed, plant, {"has no room for its lists in scratch"});
}

/// A convolution and the gradient of its filter, which pack windows for their lhs and their rhs.
constexpr const char* kConvolution = R"(sluice-ir 1
graph @convolution(%x: f32[B,9,2], %w: f32[6,5], %y: f32[7*B,5]) {
  %0: f32[B,7,3,2] = windows %x {axis=1, dilations=[1], padding=[0,0], sizes=[3], strides=[1]}
  %1: f32[7*B,6] = reshape %0 {shape=[7*B,6]}
  %2: f32[7*B,5] = matmul %1, %w
  %3: f32[6,5] = matmul %1, %y {transpose_a=true}
  return %2, %3
}
)";

/// Returns the product that packs windows for its lhs, or for its rhs.
backend::ProductKernel& product_of_windows(Plan& plan, bool lhs) {
  for (std::size_t number = 0; number < 2; ++number) {
    backend::ProductKernel& product = *planned_kernel(plan, KernelKind::kMatmul, number).product();
    if (product.packs_windows == lhs) return product;
  }
  FAIL("no product packs windows");
  return planned_product(plan);
}

TEST_CASE("windows that are packed to too little scratch, or read as if they lay in memory") {
  const auto short_rows = [](Plan& plan) {
    backend::Bytes& end = product_of_windows(plan, true).scratch.end;
    end = end - 64;
  };
  check_finds_in_plan(kConvolution, short_rows, {"has no room for the windows of a tile in scratch"});
  const auto short_block = [](Plan& plan) {
    backend::ProductKernel& product = product_of_windows(plan, false);
    product.tile.depth_block *= 2;
  };
  check_finds_in_plan(kConvolution, short_block, {"has no room for a packed panel in scratch"});
  const auto as_memory = [](Plan& plan) { product_of_windows(plan, true).packs_windows = false; };
  check_finds_in_plan(kConvolution, as_memory, {"reads windows as if they lay in memory"});
  const auto in_place = [](Plan& plan) { product_of_windows(plan, false).panels = backend::RhsPanels::kPacked; };
  check_finds_in_plan(kConvolution, in_place, {"reads windows as if they lay in memory"});
}

TEST_CASE("windows over a temporary whose rows lie apart") {
  const auto plant = [](Plan& plan) {
    const KernelPlan& kernel = planned_kernel(plan, KernelKind::kMatmul, 1);
    REQUIRE(kernel.product()->packs_windows);
    test::operand_of(plan, kernel, kernel.product()->lhs).layout = {.panel = 10, .last = 10};
  };
  check_finds_in_plan(R"(sluice-ir 1
graph @apart(%x: f32[16,4], %v: f32[4,9], %w: f32[27,5]) {
  %0: f32[16,9] = matmul %x, %v
  %1: f32[14,3,9] = windows %0 {axis=0, dilations=[1], padding=[0,0], sizes=[3], strides=[1]}
  %2: f32[14,27] = reshape %1 {shape=[14,27]}
  %3: f32[14,5] = matmul %2, %w
  return %3
}
)",
                      plant, {"packs windows over panels, buffer"});
}

}  // namespace
