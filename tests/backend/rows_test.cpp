// Row-by-row kernels, and products that also sum the columns of their rhs.
#include <sstream>
#include <string>

#include "backend/compile.h"
#include "sluice/ir/text.h"
#include "tests/backend/check_jit.h"
#include "tests/support/vector_targets.h"

namespace sluice {
namespace {

using backend::KernelKind;

/// Compares the compiled graph with the interpreter on all targets; it must compile to `kernels` kernels, one of kind
/// `kind`.
void check(const std::string& body, KernelKind kind, std::size_t kernels,
           const std::vector<std::int64_t>& batches = {1, 3, 64, 128}) {
  CAPTURE(body);
  const ir::Graph graph = ir::parse("sluice-ir 1\n" + body);
  for (const std::string& features : test::vector_targets()) {
    CAPTURE(features);
    const backend::Plan plan = backend::plan_graph(graph, {.target_features = features});
    CHECK(plan.kernels.size() == kernels);
    CHECK(std::ranges::count(plan.kernels, kind, &backend::KernelPlan::kind) == 1);
    test::check_jit(graph, batches, 4e-6, {.target_features = features});
  }
}

TEST_CASE("softmax, cross-entropy, the prediction and the gradient are one kernel, for any number of classes") {
  for (const int classes : {2, 3, 10, 16, 17, 33, 100}) {
    check(fmt::format(R"(graph @loss(%x: f32[B,{0}], %labels: u8[B] {{range=[0,{0})}}) {{
  %0: f32[B] = reduce_max %x {{axes=[1]}}
  %1: f32[B,1] = reshape %0 {{shape=[B,1]}}
  %2: f32[B,{0}] = broadcast %1 {{shape=[B,{0}]}}
  %3: f32[B,{0}] = sub %x, %2
  %4: f32[B,{0}] = exp %3
  %5: f32[B] = reduce_sum %4 {{axes=[1]}}
  %6: f32[B,1] = reshape %5 {{shape=[B,1]}}
  %7: f32[B,{0}] = broadcast %6 {{shape=[B,{0}]}}
  %8: f32[B,{0}] = div %4, %7
  %9: f32[B,{0}] = one_hot %labels {{depth={0}, dtype=f32}}
  %10: f32[B,{0}] = sub %8, %9
  %11: f32[B,{0}] = mul %9, %3
  %12: f32[B] = reduce_sum %11 {{axes=[1]}}
  %13: f32[B] = log %5
  %14: f32[B] = sub %13, %12
  %15: i64[B] = argmax %x {{axis=1}}
  %16: i64[B] = cast %labels {{dtype=i64}}
  %17: bool[B] = equal %15, %16
  return %10, %14, %17
}})",
                      classes),
          KernelKind::kRows, 1);
  }
}

TEST_CASE("rows of any rank and element type; ties and NaNs go to the first index") {
  check(R"(graph @normalized(%x: f32[B,3,19]) {
  %0: f32[B,3] = reduce_sum %x {axes=[2]}
  %1: f32[B,3,1] = reshape %0 {shape=[B,3,1]}
  %2: f32[B,3,19] = broadcast %1 {shape=[B,3,19]}
  %3: f32[B,3,19] = sub %x, %2
  return %3, %1
})",
        KernelKind::kRows, 1);
  for (const char* dtype : {"f64", "i32", "i64", "u8"}) {
    check(fmt::format(R"(graph @spread(%x: {0}[B,21] {{range=[0,9)}}) {{
  %0: i64[B] = argmax %x {{axis=1}}
  %1: {0}[B] = reduce_max %x {{axes=[1]}}
  %2: {0}[B] = reduce_min %x {{axes=[1]}}
  %3: {0}[B] = sub %1, %2
  return %0, %3
}})",
                      dtype),
          KernelKind::kRows, 1);
  }
  check(R"(graph @undefined(%x: f32[B,40]) {
  %0: f32[B,40] = sqrt %x
  %1: i64[B] = argmax %0 {axis=1}
  %2: f32[B,40] = one_hot %1 {depth=40, dtype=f32}
  return %2
})",
        KernelKind::kRows, 1);
}

TEST_CASE("a variable in panels is read by rows, and its new rows do not overwrite what a row still needs") {
  check(R"(graph @decay(%x: f32[B,96]) state(%w: f32[64,96] "w" {range=[1,2)}) {
  %0: f32[64] = reduce_sum %w {axes=[1]}
  %1: f32[64,1] = reshape %0 {shape=[64,1]}
  %2: f32[64,96] = broadcast %1 {shape=[64,96]}
  %3: f32[64,96] = div %w, %2
  update %w = %3
  return
})",
        KernelKind::kRows, 2);
}

TEST_CASE("a product also sums the columns of its rhs, for any K and width") {
  for (const char* shapes : {"B 70 100", "B 5 10", "B 48 48", "33 7 50", "2000 9 97"}) {
    std::istringstream words(shapes);
    std::string depth;
    std::string rows;
    std::string columns;
    words >> depth >> rows >> columns;
    check(fmt::format(R"(graph @gradients(%x: f32[{0},{1}], %d: f32[{0},{2}]) {{
  %0: f32[{1},{2}] = matmul %x, %d {{transpose_a=true}}
  %1: f32[{2}] = reduce_sum %d {{axes=[0]}}
  return %0, %1
}})",
                      depth, rows, columns),
          KernelKind::kMatmul, 1,
          depth == "B" ? std::vector<std::int64_t>{1, 3, 64, 128, 600} : std::vector<std::int64_t>{1});
  }
  check(R"(graph @packed(%x: f64[9,6], %d: f64[6,B]) {
  %0: f64[9,B] = matmul %x, %d
  %1: f64[B] = reduce_sum %d {axes=[0]}
  return %0, %1
})",
        KernelKind::kMatmul, 1);
}

}  // namespace
}  // namespace sluice
