#include "backend/shared_code.h"

#include <string>

#include "sluice/ir/text.h"
#include "tests/backend/check_jit.h"

namespace sluice {
namespace {

using backend::shared_code;

std::vector<std::size_t> code_of(const std::string& graph) {
  return shared_code(backend::make_plan(ir::parse("sluice-ir 1\n" + graph), backend::host_target()));
}

TEST_CASE("equal kernels share their code, and compute with their own memory") {
  const std::string text = R"(graph @f(%x: f32[B,64]) state(%w: f32[64,64] "w", %v: f32[64,64] "v") {
  %0: f32[B,64] = tanh %x
  %1: f32[B,64] = matmul %0, %w
  %2: f32[B,64] = matmul %1, %v
  %3: f32[B,64] = matmul %2, %w
  %4: f32[B,64] = relu %3
  return %4
})";
  const std::vector<std::size_t> code = code_of(text);
  REQUIRE(code.size() == 5);
  CHECK(code[1] == 1);
  CHECK(code[2] == 1);
  test::check_jit(ir::parse("sluice-ir 1\n" + text), {1, 3, 64, 128}, 1e-5);
}

TEST_CASE("kernels that differ in an attribute, a constant, a size or a dtype share no code") {
  CHECK(code_of(R"(graph @f(%x: f32[B,64], %y: f64[B,64], %z: f32[B,65]) {
  %0: f32[B,32] = slice %x {axis=1, start=0, limit=32}
  %1: f32[B,32] = slice %x {axis=1, start=32, limit=64}
  %2: f32[B,64] = exp %x
  %3: f64[B,64] = exp %y
  %4: f32[B,65] = exp %z
  return %0, %1, %2, %3, %4
})") == std::vector<std::size_t>{0, 1, 2, 3, 4});
}

TEST_CASE("kernels with equal bodies but different layouts share no code") {
  // A variable of 64 columns is in panels, a value that a product reads as its lhs in rows.
  const std::string text = R"(graph @f(%x: f32[64,64]) state(%w: f32[64,64] "w") {
  %0: f32[64,64] = exp %x
  %1: f32[64,64] = exp %w
  %2: f32[64,64] = exp %1
  return %0, %2
})";
  CHECK(code_of(text) == std::vector<std::size_t>{0, 1, 0});
  test::check_jit(ir::parse("sluice-ir 1\n" + text));
  // Two loops over rows and columns, which differ in nothing else.
  const std::string loops = R"(graph @f(%x: f32[64,64]) state(%w: f32[64,64] "w") {
  %0: f32[63,64] = slice %x {axis=0, start=1, limit=64}
  %1: f32[63,64] = slice %w {axis=0, start=1, limit=64}
  return %0, %1
})";
  CHECK(code_of(loops) == std::vector<std::size_t>{0, 1});
  test::check_jit(ir::parse("sluice-ir 1\n" + loops));
}

}  // namespace
}  // namespace sluice
