// Products that pack windows over a value for either operand: against the interpreter, for strides, dilations, padding,
// element types and widths of vectors.
#include <fmt/format.h>

#include <algorithm>

#include "backend/compile.h"
#include "backend/plan.h"
#include "runtime/execution/thread_team.h"
#include "sluice/ir/text.h"
#include "tests/backend/check_jit.h"
#include "tests/support/vector_targets.h"

namespace sluice {
namespace {

/// A slide of windows over [rows, sizes..., cell] and what it gives.
struct Slide {
  std::string rows = "B";
  std::vector<std::int64_t> sizes;
  std::int64_t cell;
  std::vector<std::int64_t> windows;
  std::vector<std::int64_t> strides;
  std::vector<std::int64_t> dilations;
  std::vector<std::int64_t> padding;

  std::string from() const { return fmt::format("{},{},{}", rows, fmt::join(sizes, ","), cell); }
  std::string attributes() const {
    return fmt::format("{{axis=1, dilations=[{}], padding=[{}], sizes=[{}], strides=[{}]}}", fmt::join(dilations, ","),
                       fmt::join(padding, ","), fmt::join(windows, ","), fmt::join(strides, ","));
  }
  std::vector<std::int64_t> counts() const {
    std::vector<std::int64_t> counts;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      const std::int64_t extent = (windows[i] - 1) * dilations[i] + 1;
      counts.push_back((sizes[i] + padding[2 * i] + padding[2 * i + 1] - extent) / strides[i] + 1);
    }
    return counts;
  }
  std::int64_t pixels() const {
    std::int64_t product = 1;
    for (const std::int64_t count : counts()) product *= count;
    return product;
  }
  std::string matrix_rows() const {
    if (rows != "B") return std::to_string(std::stol(rows) * pixels());
    return pixels() == 1 ? "B" : fmt::format("{}*B", pixels());
  }
  std::int64_t depth() const {
    std::int64_t product = cell;
    for (const std::int64_t window : windows) product *= window;
    return product;
  }
  /// The windows and their reshape to a matrix, %1.
  std::string matrix(std::string_view dtype) const {
    return fmt::format(
        "  %0: {0}[{1},{2},{3},{4}] = windows %x {5}\n  %1: {0}[{6},{7}] = reshape %0 {{shape=[{6},{7}]}}\n", dtype,
        rows, fmt::join(counts(), ","), fmt::join(windows, ","), cell, attributes(), matrix_rows(), depth());
  }
};

std::vector<Slide> slides() {
  return {{"B", {9, 8}, 3, {3, 3}, {1, 1}, {1, 1}, {0, 0, 0, 0}},  // pieces of a kernel's row
          {"B", {9, 8}, 3, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}},  // pieces of a cell, some outside
          {"B", {7, 7}, 1, {3, 3}, {1, 1}, {1, 1}, {0, 0, 0, 0}},
          {"B", {11, 9}, 17, {2, 4}, {2, 3}, {2, 1}, {0, 3, 1, 0}},
          {"B", {6, 5}, 40, {5, 5}, {1, 2}, {1, 1}, {2, 2, 2, 2}},  // loops over the taps
          {"B", {30}, 2, {7}, {2}, {3}, {4, 5}},
          {"B", {5, 4, 3}, 5, {2, 2, 2}, {1, 1, 1}, {1, 1, 1}, {0, 0, 1, 0, 0, 0}},
          {"B", {6, 6}, 2, {2, 2}, {1, 1}, {1, 1}, {-1, 0, 0, -1}},  // cropped
          {"4", {10, 10}, 8, {3, 3}, {1, 1}, {1, 1}, {1, 1, 1, 1}},
          {"B", {3, 3}, 16, {1, 1}, {2, 2}, {1, 1}, {0, 0, 0, 0}}};
}

enum class Packed { kLhs, kRhs };

void check(const std::string& body, Packed packed, std::size_t kernels) {
  const std::string text = "sluice-ir 1\ngraph @f" + body;
  CAPTURE(text);
  const ir::Graph graph = ir::parse(text);
  const runtime::KeepDefaultThreads keep;
  for (const std::string& features : test::vector_targets()) {
    CAPTURE(features);
    const auto program =
        backend::compile(graph, {.target_features = features, .cache = std::nullopt, .verify_plan = true});
    CHECK(program->plan().kernels.size() == kernels);
    const auto packs = [&](const backend::KernelPlan& kernel) {
      const backend::ProductKernel* const product = kernel.product();
      if (product == nullptr) return false;
      return packed == Packed::kLhs ? product->packs_windows : product->panels == backend::RhsPanels::kWindows;
    };
    CHECK(std::ranges::count_if(program->plan().kernels, packs) == 1);
    for (const int threads : {1, 3}) {
      CAPTURE(threads);
      runtime::set_default_threads(threads);
      test::check_jit(graph, {1, 3, 64}, 4e-6, {.target_features = features});
    }
  }
}

TEST_CASE("windows are the lhs of a product") {
  for (const Slide& slide : slides()) {
    for (const int n : {5, 64}) {
      check(fmt::format(
                "(%x: f32[{0}], %w: f32[{1},{2}]) {{\n{3}  %2: f32[{4},{2}] = matmul %1, %w\n  %3: f32[{4},{2}] = "
                "relu %2\n  return %3\n}}",
                slide.from(), slide.depth(), n, slide.matrix("f32"), slide.matrix_rows()),
            Packed::kLhs, 1);
    }
  }
}

TEST_CASE("windows are the rhs of a product, which the gradient of a filter transposes") {
  for (const Slide& slide : slides()) {
    for (const int n : {5, 64}) {
      check(fmt::format(
                "(%x: f32[{0}], %y: f32[{4},{2}]) {{\n{3}  %2: f32[{1},{2}] = matmul %1, %y {{transpose_a=true}}\n "
                " return %2\n}}",
                slide.from(), slide.depth(), n, slide.matrix("f32"), slide.matrix_rows()),
            Packed::kRhs, 2);
    }
  }
}

TEST_CASE("windows of doubles, and over sequences of any length") {
  const Slide slide = slides()[1];
  check(fmt::format("(%x: f64[{0}], %w: f64[{1},9]) {{\n{2}  %2: f64[{3},9] = matmul %1, %w\n  return %2\n}}",
                    slide.from(), slide.depth(), slide.matrix("f64"), slide.matrix_rows()),
        Packed::kLhs, 1);
  const ir::Graph graph = ir::parse(R"(sluice-ir 1
graph @f(%x: f32[B,T,3], %w: f32[9,20]) {
  %0: f32[B,T,3,3] = windows %x {axis=1, dilations=[1], padding=[1,1], sizes=[3], strides=[1]}
  %1: f32[B*T,9] = reshape %0 {shape=[B*T,9]}
  %2: f32[B*T,20] = matmul %1, %w
  %3: f32[9,20] = matmul %1, %2 {transpose_a=true}
  return %2, %3
})");
  const auto executable = runtime::Executable::create(graph, {});
  for (const std::int64_t length : {1, 2, 50}) {
    Bindings bindings = 3;
    bindings.set(Symbol::named("T"), length);
    const std::vector<Array> inputs = random_parameters(graph, bindings, 1);
    const ir::EvalResult expected = ir::evaluate(graph, inputs, {});
    std::vector<Array> outputs(2);
    executable->run(inputs, outputs);
    for (std::size_t i = 0; i < 2; ++i) CHECK(test::distance(outputs[i], expected.results[i]) <= 4e-6);
  }
}

TEST_CASE("windows slide over what a product has made and what variables hold, whose rows would lie apart") {
  const ir::Graph graph = ir::parse(R"(sluice-ir 1
graph @f(%x: f32[143,143], %w: f32[429,143], %y: f32[7,5]) state(%s: f32[17,143] "s", %t: f32[9,300] "t") {
  %0: f32[17,143] = matmul %s, %x
  %1: f32[7,3,143] = windows %0 {axis=0, dilations=[2], padding=[0,0], sizes=[3], strides=[2]}
  %2: f32[7,429] = reshape %1 {shape=[7,429]}
  %3: f32[7,143] = matmul %2, %w
  %4: f32[7,3,300] = windows %t {axis=0, dilations=[1], padding=[0,0], sizes=[3], strides=[1]}
  %5: f32[7,900] = reshape %4 {shape=[7,900]}
  %6: f32[900,5] = matmul %5, %y {transpose_a=true}
  return %3, %6
})");
  test::check_jit(graph, {1}, 4e-6);
}

TEST_CASE("windows that others read as well are packed anew for each product") {
  const ir::Graph graph = ir::parse(R"(sluice-ir 1
graph @f(%x: f32[B,8,3], %v: f32[6,4], %w: f32[6,50]) {
  %0: f32[B,7,2,3] = windows %x {axis=1, dilations=[1], padding=[0,0], sizes=[2], strides=[1]}
  %1: f32[7*B,6] = reshape %0 {shape=[7*B,6]}
  %2: f32[7*B,4] = matmul %1, %v
  %3: f32[7*B,50] = matmul %1, %w
  %4: f32[6,6] = matmul %1, %1 {transpose_a=true}
  return %2, %3, %4, %1
})");
  test::check_jit(graph, {1, 3, 64}, 4e-6);
}

}  // namespace
}  // namespace sluice
