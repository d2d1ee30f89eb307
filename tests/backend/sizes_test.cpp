// Sizes that do not fit into 64 bits, or into any machine's memory, are errors that name them, wherever they come from.
#include <doctest/doctest.h>

#include "backend/plan.h"
#include "sluice/error.h"
#include "sluice/ir/text.h"
#include "sluice/runtime/executable.h"

namespace sluice {
namespace {

void run(const std::string& text, std::int64_t batch_size) {
  const auto executable = runtime::Executable::create(ir::parse(text, "model.ir"), {});
  std::vector<Array> outputs(1);
  executable->run(std::vector{Array(DType::kF32, {batch_size, 1})}, outputs);
}

/// Returns a graph that sums a value over [B, columns] that is kept in memory.
std::string kept(std::int64_t columns) {
  const std::string shape = "[B," + std::to_string(columns) + "]";
  return R"(sluice-ir 1
graph @kept(%x: f32[B,1]) {
  %0: f32)" +
         shape + " = broadcast %x {shape=" + shape + R"(}
  %1: f32)" +
         shape + " = iota {axis=1, dtype=f32, shape=" + shape + R"(}
  %2: f32)" +
         shape + R"( = add %0, %1
  %3: f32)" +
         shape + R"( = exp %2
  %4: f32[] = reduce_max %3 {axes=[0,1]}
  %5: f32)" +
         shape + " = broadcast %4 {shape=" + shape + R"(}
  %6: f32)" +
         shape + R"( = sub %3, %5
  %7: f32[] = reduce_sum %6 {axes=[0,1]}
  return %7
}
)";
}

TEST_CASE("a B for which sizes overflow 64 bits") {
  for (const std::int64_t batch_size : {std::int64_t{1} << 14, std::int64_t{1} << 20, std::int64_t{1} << 22}) {
    CAPTURE(batch_size);
    const std::string with = "@kept: not enough memory with B = " + std::to_string(batch_size);
    CHECK_THROWS_WITH_AS(run(kept(std::int64_t{1} << 40), batch_size),
                         doctest::Contains((with + ": f32[B,1099511627776] has more than").c_str()), Error);
  }
}

TEST_CASE("a B for which no machine has the memory") {
  CHECK_THROWS_WITH_AS(run(kept(std::int64_t{1} << 40), 64),
                       doctest::Contains("with B = 64: 4398046511104*B bytes of temporaries"), Error);
  CHECK_THROWS_WITH_AS(run(kept(std::int64_t{1} << 48), 16384),
                       doctest::Contains("@kept: not enough memory: temporaries, f32[B,281474976710656] among them, "
                                         "take more than 140737488355328 bytes for each of B"),
                       Error);
}

TEST_CASE("a value without memory, with more elements than can be counted") {
  const std::string text = R"(sluice-ir 1
graph @counted(%x: f32[B,1]) {
  %0: f32[B,281474976710656] = broadcast %x {shape=[B,281474976710656]}
  %1: f32[] = reduce_max %0 {axes=[0,1]}
  return %1
}
)";
  CHECK_THROWS_WITH_AS(run(text, 16384), doctest::Contains("f32[B,281474976710656] has more than"), Error);
}

TEST_CASE("temporaries of a static size that no machine has the memory for") {
  const std::string text = R"(sluice-ir 1
graph @fixed(%x: f32[B,1]) {
  %0: f32[281474976710656] = iota {axis=0, dtype=f32, shape=[281474976710656]}
  %1: f32[281474976710656] = exp %0
  %2: f32[] = reduce_max %1 {axes=[0]}
  %3: f32[281474976710656] = broadcast %2 {shape=[281474976710656]}
  %4: f32[281474976710656] = sub %1, %3
  %5: f32[] = reduce_sum %4 {axes=[0]}
  return %5
}
)";
  CHECK_THROWS_WITH_AS(
      run(text, 1),
      doctest::Contains("@fixed: not enough memory: temporaries, f32[281474976710656] among them, take more"), Error);
}

TEST_CASE("the scratch of a product whose K grows with B") {
  backend::Plan plan;
  plan.name = "scratch";
  backend::ProductKernel product;
  product.scratch.end = (std::int64_t{1} << 40) * batch;
  plan.kernels.emplace_back().how = product;
  CHECK(backend::memory_of(plan, 8, 1).scratch() == (std::int64_t{8} << 40) + 64);
  CHECK_THROWS_WITH_AS(backend::memory_of(plan, 64, 3), doctest::Contains("of scratch for each of 3 threads"), Error);
}

TEST_CASE("the largest value is found in bodies as well, and bounds B") {
  const ir::Graph graph = ir::parse(R"(sluice-ir 1
graph @f(%x: f32[B,2]) {
  %0: f32[B] = fused(%a: f32[B,2] = %x) {
    %0: f32[B,2,512] = iota {axis=2, dtype=f32, shape=[B,2,512]}
    %1: f32[B] = reduce_sum %0 {axes=[1,2]}
    return %1
  }
  return %0
}
)");
  const backend::Largest largest = backend::largest_values(graph);
  CHECK(largest.too_large(std::int64_t{1} << 40) == nullptr);
  const Type* const too_large = largest.too_large((std::int64_t{1} << 40) + 1);
  REQUIRE(too_large != nullptr);
  CHECK(to_string(*too_large) == "f32[B,2,512]");
}

}  // namespace
}  // namespace sluice
