#pragma once

#include <functional>
#include <string>
#include <vector>

#include "backend/plan.h"
#include "tests/tools/mutations.h"

// Bugs planted one at a time in a finished plan: the verifier must find each before any code is generated, and name the
// kernel and the buffer.
namespace sluice::test {

/// Checks that `plant` is found in the plan of `text`, and that the message has all of `named` and the model's line.
inline void check_finds_in_plan(const std::string& text, const std::function<void(backend::Plan&)>& plant,
                                const std::vector<std::string>& named) {
  tools::FullCheckOptions options;
  options.engine.plan = plans_with(plant);
  for (const std::string& part : named) check_finds(text, options, "plan", part);
  check_finds(text, options, "plan", "model.ir:");
}

inline backend::KernelPlan& planned_kernel(backend::Plan& plan, backend::KernelKind kind, std::size_t number = 0) {
  for (backend::KernelPlan& kernel : plan.kernels) {
    if (kernel.kind() == kind && number-- == 0) return kernel;
  }
  FAIL("no such kernel");
  return plan.kernels[0];
}

inline backend::ProductKernel& planned_product(backend::Plan& plan) {
  return *planned_kernel(plan, backend::KernelKind::kMatmul).product();
}

inline backend::Buffer& operand_of(backend::Plan& plan, const backend::KernelPlan& kernel, std::size_t operand) {
  return plan.buffers[static_cast<std::size_t>(kernel.operands[operand])];
}

inline backend::Buffer& result_of(backend::Plan& plan, const backend::KernelPlan& kernel, std::size_t result = 0) {
  return plan.buffers[static_cast<std::size_t>(kernel.results[result])];
}

/// Three products in a row, of values that grow with B.
inline constexpr const char* kThreeProducts = R"(sluice-ir 1
graph @chain(%x: f32[B,64], %w: f32[64,64], %v: f32[64,64]) {
  %0: f32[B,64] = matmul %x, %w
  %1: f32[B,64] = matmul %0, %v
  %2: f32[B,64] = matmul %1, %w
  %3: f32[B,64] = add %2, %0
  return %3
}
)";

/// A gradient in panels, its norm, and a step along it: a product, a reduction and a flat loop.
inline constexpr const char* kScaledStep = R"(sluice-ir 1
graph @step(%x: f32[B,16], %g: f32[B,64]) state(%w: f32[16,64] "w") {
  %0: f32[16,64] = matmul %x, %g {transpose_a=true}
  %1: f32[16,64] = square %0
  %2: f32[] = reduce_sum %1 {axes=[0,1]}
  %3: f32[16,64] = broadcast %2 {shape=[16,64]}
  %4: f32[16,64] = div %0, %3
  %5: f32[16,64] = sub %w, %4
  update %w = %5
  return %2
}
)";

/// A product that reads its rhs transposed.
inline constexpr const char* kTurned = R"(sluice-ir 1
graph @turned(%x: f32[B,64]) state(%w: f32[100,64] "w") {
  %0: f32[B,100] = matmul %x, %w {transpose_b=true}
  %1: f32[B,100] = relu %0
  return %1
}
)";

}  // namespace sluice::test
