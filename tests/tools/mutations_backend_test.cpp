// Plants one bug at a time in a plan, from which code is generated: `check` must find it and name the kernel.
#include <algorithm>
#include <map>
#include <mutex>
#include <numeric>

#include "backend/plan.h"
#include "tests/tools/mutations.h"
#include "tools/check/reduce.h"

namespace {

using namespace sluice;
using backend::Buffer;
using backend::BufferKind;
using backend::KernelKind;
using backend::KernelPlan;
using backend::Plan;
using ir::Op;

void check_plan_bug(const std::string& text, const std::function<void(Plan&)>& plant, std::string_view stage,
                    std::string_view named) {
  tools::FullCheckOptions options;
  options.engine.plan = test::plans_with(plant);
  test::check_finds(text, options, stage, named);
}

KernelPlan& kernel_of(Plan& plan, KernelKind kind) {
  const auto found = std::ranges::find(plan.kernels, kind, &KernelPlan::kind);
  REQUIRE(found != plan.kernels.end());
  return *found;
}

/// Like check_finds, for a bug that fits only parts of the graph; others stay unchanged.
KernelPlan* any_kernel_of(Plan& plan, KernelKind kind) {
  const auto found = std::ranges::find(plan.kernels, kind, &KernelPlan::kind);
  return found == plan.kernels.end() ? nullptr : &*found;
}

const std::string kProduct = R"(sluice-ir 1
graph @product(%a: f32[8,5], %b: f32[8,7]) {
  %0: f32[5,7] = matmul %a, %b {transpose_a=true}
  return %0
}
)";

TEST_CASE("an off-by-one K") {
  const auto plant = [](Plan& plan) {
    KernelPlan* const kernel = any_kernel_of(plan, KernelKind::kMatmul);
    if (kernel == nullptr) return;
    ir::Builder b("matmul");
    const ir::Value x = b.parameter("a", {DType::kF32, {7, 5}});
    const ir::Value y = b.parameter("b", {DType::kF32, {7, 7}});
    b.set_results({b(Op::kMatmul, {x, y}, {{ir::Attr::kTransposeA, true}})});
    kernel->body = std::make_shared<ir::Graph>(std::move(b).finish());
  };
  check_plan_bug(kProduct, plant, "plan", "kernel matmul_0 sees buffer 0, f32[8,5], as f32[7,5]");
}

TEST_CASE("a missing ragged tail of B") {
  const auto plant = [](Plan& plan) {  // counted in tiles of twice the height that the code uses: omits the last
    KernelPlan* const kernel = any_kernel_of(plan, KernelKind::kMatmul);
    if (kernel != nullptr) kernel->units.axes[1].block *= 2;
  };
  check_plan_bug(test::kLayer, plant, "plan", "kernel matmul_relu_0 has units that do not cover");
}

void turn_relu_around(Plan& plan) {
  for (KernelPlan& kernel : plan.kernels) {
    kernel.body = std::make_shared<ir::Graph>(test::changed(
        *kernel.body, [](passes::Rebuild& now, const ir::Graph& g, std::uint32_t i) -> std::optional<ir::Value> {
          if (g.node(i).op != Op::kRelu) return std::nullopt;
          const ir::Value x = now.at(g.node(i).operands[0]);
          return now.builder()(Op::kMinimum, {x, now.builder().full(g.node(i).types[0], 0)});
        }));
  }
}

TEST_CASE("a relu from the wrong side in a kernel") {
  check_plan_bug(test::kLayer, turn_relu_around, "jit", "`relu` f32[B,4] (model.ir:4)");
}

TEST_CASE("a kernel's bug is reduced to little more than that") {
  const ir::Graph graph = ir::parse(R"(sluice-ir 1
graph @large(%x: f32[B,4], %w: f32[4,4], %y: f32[B,4]) {
  %0: f32[B,4] = exp %y
  %1: f32[B,4] = matmul %x, %w
  %2: f32[B,4] = add %1, %0
  %3: f32[B,4] = relu %2
  %4: f32[B,4] = mul %3, %0
  %5: f32[B] = reduce_sum %4 {axes=[1]}
  return %5, %0
}
)");
  tools::FullCheckOptions options;
  options.engine.plan = test::plans_with(turn_relu_around);
  const passes::CheckReport report = tools::check_graph(graph, options);
  REQUIRE(report.difference);
  const ir::Graph small = tools::reduce(graph, *report.difference, options);
  CHECK(tools::check_graph(small, options).difference);
  const auto has = [&](Op op) { return std::ranges::any_of(small.nodes(), [&](const auto& n) { return n.op == op; }); };
  CHECK(has(Op::kRelu));
  CHECK_FALSE(has(Op::kExp));
  CHECK_FALSE(has(Op::kMatmul));
}

const std::string kChain = R"(sluice-ir 1
graph @chain(%x: f32[B,8], %w: f32[8,8], %v: f32[8,8]) {
  %0: f32[B,8] = matmul %x, %w
  %1: f32[B,8] = matmul %0, %v
  %2: f32[B,8] = matmul %1, %w
  %3: f32[B,8] = add %2, %0
  return %3
}
)";

TEST_CASE("a missing barrier") {
  const auto plant = [](Plan& plan) {
    for (KernelPlan& kernel : plan.kernels) kernel.barrier_before = false;
  };
  check_plan_bug(
      kChain, plant, "plan",
      "kernel matmul_1 does not wait for kernel matmul_0, which touches the same memory\n  first at model.ir:4\n");
}

TEST_CASE("a buffer reused while it is live") {
  const auto plant = [](Plan& plan) {
    for (Buffer& buffer : plan.buffers) buffer.offset.size = 0;
  };
  check_plan_bug(kChain, plant, "plan", "kernel matmul_1");
}

const std::string kUpdate = R"(sluice-ir 1
graph @update(%x: f32[B,8], %g: f32[8,8]) state(%w: f32[8,8] "w") {
  %0: f32[B,8] = matmul %x, %w
  %1: f32[8,8] = sub %w, %g
  update %w = %1
  return %0
}
)";

TEST_CASE("an in-place update before its last reader") {
  const auto plant = [](Plan& plan) {
    std::ranges::reverse(plan.kernels);
    for (KernelPlan& kernel : plan.kernels) kernel.barrier_before = true;
  };
  check_plan_bug(kUpdate, plant, "plan", "kernel matmul_0 reads buffer");
}

TEST_CASE("a kernel that reads the new weight") {
  const auto plant = [](Plan& plan) {  // in an order in which the new weight is there
    if (plan.kernels.size() < 2) return;
    std::ranges::reverse(plan.kernels);
    for (KernelPlan& kernel : plan.kernels) kernel.barrier_before = true;
    kernel_of(plan, KernelKind::kMatmul).operands[1] = kernel_of(plan, KernelKind::kLoop).results[0];
  };
  check_plan_bug(kUpdate, plant, "jit", "kernel matmul_0, which writes it");
}

constexpr std::int64_t kSummands = 1000;

/// Sums its units' elements of x, and adds up these sums once all elements are in one of them.
void sum_in_a_chunk_for_each_thread(std::byte* const* buffers, const std::int64_t* /*sizes*/, std::byte* /*scratch*/,
                                    std::int64_t begin, std::int64_t end) {
  static std::mutex mutex;
  static std::map<std::int64_t, float> sums;  // by the first element
  static std::int64_t summed = 0;
  const auto* const x = reinterpret_cast<const float*>(buffers[0]);
  const float sum = std::accumulate(x + begin, x + end, 0.F);
  const std::scoped_lock lock(mutex);
  sums[begin] = sum;
  summed += end - begin;
  if (summed < kSummands) return;
  float total = 0;
  for (const auto& [first, part] : sums) total += part;
  *reinterpret_cast<float*>(buffers[1]) = total;
  sums.clear();
  summed = 0;
}

TEST_CASE("a reduction whose order depends on threads") {
  const std::string text = fmt::format(R"(sluice-ir 1
graph @sum(%x: f32[{}]) {{
  %0: f32[] = reduce_sum %x {{axes=[0]}}
  return %0
}}
)",
                                       kSummands);
  tools::FullCheckOptions options;
  options.engine.compile = [](const Plan& sound) {
    const auto program = backend::compile_plan(sound);
    Plan plan = sound;
    KernelPlan& kernel = kernel_of(plan, KernelKind::kReduce);
    REQUIRE(kernel.operands == std::vector<int>{0});
    REQUIRE(kernel.results == std::vector<int>{1});
    kernel.units.axes = {{Dim(kSummands), 1}};
    return std::make_shared<const backend::Program>(
        std::move(plan), std::vector<backend::KernelFunction>{sum_in_a_chunk_for_each_thread}, program);
  };
  test::check_finds(text, options, "threads", "with 2 threads than with 1 (kernel reduce_sum_0, which writes it)");
}

TEST_CASE("a product that overwrites its own operand") {
  const std::string text = R"(sluice-ir 1
graph @square(%g: f32[8,8]) state(%w: f32[8,8] "w") {
  %0: f32[8,8] = matmul %w, %g
  update %w = %0
  return
}
)";
  const auto plant = [](Plan& plan) {  // writes the state at once, without the copy
    KernelPlan& product = kernel_of(plan, KernelKind::kMatmul);
    product.results = plan.kernels.back().results;
    plan.kernels.pop_back();
  };
  check_plan_bug(text, plant, "plan", "kernel matmul_0 overwrites its operand 0");
}

}  // namespace
