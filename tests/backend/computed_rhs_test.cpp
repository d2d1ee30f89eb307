// Products that compute their rhs while they pack its panels: against the interpreter, for every orientation, width and
// element type.
#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "backend/compile.h"
#include "backend/plan.h"
#include "backend/verify_plan.h"
#include "runtime/execution/thread_team.h"
#include "sluice/ir/text.h"
#include "tests/backend/check_jit.h"
#include "tests/support/vector_targets.h"

namespace sluice {
namespace {

/// The kernels of a graph, and how many of them are products that compute their rhs.
struct Kernels {
  std::size_t all;
  std::ptrdiff_t computing;
};

/// For vectors of the width that `features` allow, whose plan is verified.
Kernels kernels_of(const ir::Graph& graph, const std::string& features = "") {
  const auto program =
      backend::compile(graph, {.target_features = features, .cache = std::nullopt, .verify_plan = true});
  const auto& kernels = program->plan().kernels;
  const auto computes = [](const backend::KernelPlan& kernel) {
    const backend::ProductKernel* const product = kernel.product();
    return product != nullptr && product->panels == backend::RhsPanels::kComputed;
  };
  return {kernels.size(), std::ranges::count_if(kernels, computes)};
}

/// Checks that `body` becomes one kernel that computes its rhs, for vectors of every width and 1 to 3 threads.
void check(const std::string& body, const std::vector<std::int64_t>& batches = {1, 3, 64, 128}) {
  const std::string text = "sluice-ir 1\ngraph @f" + body;
  CAPTURE(text);
  const ir::Graph graph = ir::parse(text);
  const runtime::KeepDefaultThreads keep;
  for (const std::string& features : test::vector_targets()) {
    CAPTURE(features);
    const Kernels kernels = kernels_of(graph, features);
    CHECK(kernels.all == 1);
    CHECK(kernels.computing == 1);
    for (const int threads : {1, 2, 3}) {
      CAPTURE(threads);
      runtime::set_default_threads(threads);
      const std::vector<std::int64_t> some = threads == 1 ? batches : std::vector<std::int64_t>{3, 64};
      test::check_jit(graph, some, 2e-6, {.target_features = features});
    }
  }
}

TEST_CASE("casts, scales and masks of weights, narrow and wide") {
  for (const int n : {1, 7, 16, 33, 48, 49, 100, 300}) {
    check(fmt::format(R"((%x: f32[B,20], %w: u8[20,{0}] {{range=[0,256)}}, %s: f32[{0}]) {{
  %0: f32[20,{0}] = cast %w {{dtype=f32}}
  %1: f32[20,{0}] = broadcast %s {{shape=[20,{0}]}}
  %2: f32[20,{0}] = mul %0, %1
  %3: f32[B,{0}] = matmul %x, %2
  return %3
}})",
                      n));
    check(fmt::format(R"((%x: f32[B,19], %w: f32[{0},19], %m: bool[{0},19]) {{
  %0: f32[] = constant {{value=0}}
  %1: f32[{0},19] = broadcast %0 {{shape=[{0},19]}}
  %2: f32[{0},19] = select %m, %w, %1
  %3: f32[B,{0}] = matmul %x, %2 {{transpose_b=true}}
  %4: f32[B,{0}] = relu %3
  return %4
}})",
                      n));
  }
}

TEST_CASE("movement: slices, transposes between elementwise ops") {
  check(R"((%x: f32[B,10], %w: f32[50,30]) {
  %0: f32[50,10] = slice %w {axis=1, limit=17, start=7}
  %1: f32[B,50] = matmul %x, %0 {transpose_b=true}
  return %1
})");
  check(R"((%x: f32[B,10], %w: f32[10,130]) {
  %0: f32[10,60] = slice %w {axis=1, limit=91, start=31}
  %1: f32[B,60] = matmul %x, %0
  return %1
})");
  check(R"((%x: f64[B,50], %w: f64[70,50]) {
  %0: f64[70,50] = square %w
  %1: f64[50,70] = transpose %0 {permutation=[1,0]}
  %2: f64[50,70] = neg %1
  %3: f64[B,70] = matmul %x, %2
  return %3
})");
}

TEST_CASE("variables, whose elements lie in panels") {
  for (const int n : {48, 49, 100, 300}) {
    check(fmt::format(R"((%x: f32[B,60]) state(%w: f32[60,{0}] "w", %s: f32[60,1] "s") {{
  %0: f32[60,{0}] = broadcast %s {{shape=[60,{0}]}}
  %1: f32[60,{0}] = mul %w, %0
  %2: f32[B,{0}] = matmul %x, %1
  return %2
}})",
                      n),
          {1, 3, 64});
    check(fmt::format(R"((%x: f32[B,{0}]) state(%w: f32[60,{0}] "w") {{
  %0: f32[60,{0}] = neg %w
  %1: f32[B,60] = matmul %x, %0 {{transpose_b=true}}
  return %1
}})",
                      n),
          {1, 3, 64});
    check(fmt::format(R"((%x: f32[B,{0}]) state(%w: f32[60,{0}] "w") {{
  %0: f32[60,{0}] = neg %w
  %1: f32[{0},60] = transpose %0 {{permutation=[1,0]}}
  %2: f32[{0},60] = abs %1
  %3: f32[B,60] = matmul %x, %2
  return %3
}})",
                      n),
          {1, 3, 64});
  }
  check(R"((%x: f32[B,60]) state(%w: f32[60,210] "w") {
  %0: f32[60,100] = slice %w {axis=1, limit=105, start=5}
  %1: f32[B,100] = matmul %x, %0
  return %1
})");
  check(R"((%x: f32[B,100]) state(%w: f32[60,210] "w") {
  %0: f32[60,100] = slice %w {axis=1, limit=105, start=5}
  %1: f32[B,60] = matmul %x, %0 {transpose_b=true}
  return %1
})");
}

TEST_CASE("B as a row, a column and K, and K in blocks") {
  check(R"((%x: f32[20,B], %y: f32[B,50]) {
  %0: f32[B,50] = square %y
  %1: f32[20,50] = matmul %x, %0
  return %1
})",
        {1, 3, 64, 128, 700});
  check(R"((%x: f32[20,B], %y: f32[50,B]) {
  %0: f32[50,B] = square %y
  %1: f32[20,50] = matmul %x, %0 {transpose_b=true}
  return %1
})",
        {1, 3, 64, 128, 301});
  check(R"((%x: f32[20,9], %y: f32[9,B]) {
  %0: f32[9,B] = neg %y
  %1: f32[20,B] = matmul %x, %0
  %2: f32[20,B] = tanh %1
  return %2
})");
  check(R"((%x: f32[20,9], %y: f64[B,9]) {
  %0: f32[B,9] = cast %y {dtype=f32}
  %1: f32[20,B] = matmul %x, %0 {transpose_b=true}
  return %1
})");
  check(R"((%x: f32[B,3000], %w: f32[3000,60]) {
  %0: f32[3000,60] = abs %w
  %1: f32[B,60] = matmul %x, %0
  return %1
})",
        {1, 33});
}

TEST_CASE("batches of matrices, with the axes of the rhs in another order") {
  check(R"((%x: f32[B,3,5,8], %y: f32[B,7,3,8]) {
  %0: f32[B,3,7,8] = transpose %y {permutation=[0,2,1,3]}
  %1: f32[B,3,5,7] = matmul %x, %0 {transpose_b=true}
  return %1
})");
  check(R"((%x: f32[B,2,5,7], %y: f32[B,7,2,19], %s: f32[]) {
  %0: f32[B,2,7,19] = transpose %y {permutation=[0,2,1,3]}
  %1: f32[B,2,7,19] = broadcast %s {shape=[B,2,7,19]}
  %2: f32[B,2,7,19] = mul %0, %1
  %3: f32[B,2,5,19] = matmul %x, %2
  %4: f32[B,2,5,19] = exp %3
  return %4
})");
}

TEST_CASE("epilogues beside a computed rhs: in registers, through scratch and overlapped") {
  check(R"((%x: f32[96,40], %w: f32[40,96], %m: f32[96,96], %v: f32[96,96]) {
  %0: f32[40,96] = neg %w
  %1: f32[96,96] = matmul %x, %0
  %2: f32[96,96] = mul %1, %m
  %3: f32[96,96] = add %2, %v
  return %3
})",
        {1});
  // One shape for all: what feeds the rhs is told from what rides on the store by who reads it.
  check(R"((%x: f32[48,48], %w: f32[48,48], %m: f32[48,48], %b: f32[48]) {
  %0: f32[48,48] = broadcast %b {shape=[48,48]}
  %1: f32[48,48] = mul %w, %0
  %2: f32[48,48] = matmul %x, %1
  %3: f32[48,48] = add %2, %0
  %4: f32[48,48] = mul %3, %m
  return %4
})",
        {1});
}

TEST_CASE("a rhs stays a kernel of its own where others read it, or it is costly") {
  const auto computing = [](const std::string& body) {
    return kernels_of(ir::parse("sluice-ir 1\ngraph @f" + body)).computing;
  };
  CHECK(computing(R"((%x: f32[B,4], %y: f32[B,4], %w: f32[4,6]) {
  %0: f32[4,6] = neg %w
  %1: f32[B,6] = matmul %x, %0
  %2: f32[B,6] = matmul %y, %0
  return %1, %2
})") == 0);
  CHECK(computing(R"((%x: f32[B,4], %w: f32[4,6]) {
  %0: f32[4,6] = exp %w
  %1: f32[B,6] = matmul %x, %0
  return %1
})") == 0);
  CHECK(computing(R"((%x: f32[B,4], %w: f32[4,6]) {
  %0: f32[4,6] = neg %w
  %1: f32[B,6] = matmul %x, %0
  return %1, %0
})") == 0);
}

TEST_CASE("a value that a product also reads as its lhs is stored") {
  const ir::Graph graph = ir::parse(R"(sluice-ir 1
graph @f(%w: f32[50,50]) {
  %0: f32[50,50] = neg %w
  %1: f32[50,50] = square %0
  %2: f32[50,50] = matmul %0, %1
  return %2
}
)");
  const Kernels kernels = kernels_of(graph);
  CHECK(kernels.all == 2);
  CHECK(kernels.computing == 1);
  test::check_jit(graph, {1});
}

TEST_CASE("a variable that its own product's rhs reads is not overwritten before it is read") {
  const ir::Graph graph = ir::parse(R"(sluice-ir 1
graph @f(%x: f32[50,50]) state(%w: f32[50,50] "w") {
  %0: f32[50,50] = neg %w
  %1: f32[50,50] = matmul %x, %0
  %2: f32[50,50] = add %1, %w
  update %w = %2
  return
}
)");
  const runtime::KeepDefaultThreads keep;
  for (const int threads : {1, 2, 3}) {
    runtime::set_default_threads(threads);
    test::check_jit(graph, {1});
  }
}

TEST_CASE("products without elements, and of no steps") {
  for (const char* body : {R"((%x: f32[B,0], %w: f32[0,6]) {
  %0: f32[0,6] = neg %w
  %1: f32[B,6] = matmul %x, %0
  return %1
})",
                           R"((%x: f32[B,4], %w: f32[4,0]) {
  %0: f32[4,0] = neg %w
  %1: f32[B,0] = matmul %x, %0
  return %1
})",
                           R"((%x: f32[B,0], %w: f32[6,0]) {
  %0: f32[6,0] = neg %w
  %1: f32[B,6] = matmul %x, %0 {transpose_b=true}
  return %1
})"}) {
    CAPTURE(body);
    test::check_jit(ir::parse(std::string("sluice-ir 1\ngraph @f") + body), {1, 3});
  }
}

TEST_CASE("a plan that would read a computed rhs from memory is refused") {
  const auto program = backend::compile(ir::parse(R"(sluice-ir 1
graph @f(%x: f32[B,4], %w: f32[4,64]) {
  %0: f32[4,64] = neg %w
  %1: f32[B,64] = matmul %x, %0
  return %1
}
)"),
                                        {.cache = std::nullopt});
  backend::Plan plan = program->plan();
  CHECK(!backend::verify_plan(plan));
  plan.kernels[0].product()->panels = backend::RhsPanels::kInPlace;
  const auto fault = backend::verify_plan(plan);
  REQUIRE(fault);
  CHECK(fault->what.find("as if it lay in memory") != std::string::npos);
}

}  // namespace
}  // namespace sluice
