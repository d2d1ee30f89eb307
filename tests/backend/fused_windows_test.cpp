// Windows that loops and reductions look through instead of reading them from memory, and add_windows of what a loop
// computes: against the interpreter, for strides, dilations, padding, crops, element types, widths of vectors and
// numbers of threads.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>

#include "backend/compile.h"
#include "backend/plan.h"
#include "ir/windows.h"
#include "runtime/execution/thread_team.h"
#include "sluice/ir/text.h"
#include "tests/backend/check_jit.h"
#include "tests/support/vector_targets.h"

namespace sluice {
namespace {

using backend::Sweep;
using ir::Attr;
using ir::Op;
using ir::Value;
using ir::Window;

/// Windows over images of `shape`, from axis 1 on.
struct Slide {
  Shape shape;
  std::vector<Window> windows;  ///< each: size, stride, dilation, low, high

  int count() const { return static_cast<int>(windows.size()); }
  std::vector<std::int64_t> cell_axes() const {
    std::vector<std::int64_t> axes;
    for (int i = 0; i < count(); ++i) axes.push_back(1 + count() + i);
    return axes;
  }
};

std::vector<Slide> slides() {
  return {{{batch, 9, 8, 3}, {{3, 1, 1, 1, 1}, {3, 1, 1, 1, 1}}},
          {{batch, 7, 70, 16}, {{3, 1, 1, 0, 0}, {2, 1, 1, 0, 1}}},  // two units of positions
          {{batch, 11, 10, 33}, {{3, 2, 1, 1, 0}, {3, 2, 1, 0, 1}}},
          {{batch, 12, 9, 5}, {{2, 3, 2, 1, 2}, {4, 3, 1, 2, 0}}},
          {{batch, 6, 6, 4}, {{3, 5, 1, 1, 1}, {2, 1, 1, 0, 0}}},     // gaps
          {{batch, 3, 4, 17}, {{3, 1, 1, 4, 5}, {2, 2, 2, 3, 3}}},    // windows in nothing but padding
          {{batch, 8, 8, 2}, {{2, 1, 1, -1, -2}, {2, 2, 1, -1, 0}}},  // cropped
          {{batch, 2, 2, 20}, {{2, 1, 1, 1, 1}, {2, 1, 1, 1, 1}}},    // no inner position
          {{batch, 30, 6}, {{5, 2, 3, 6, 4}}},
          {{4, 10, 10, 1}, {{3, 1, 1, 1, 1}, {3, 2, 1, 1, 1}}},
          {{batch, 14, 13, 7}, {{6, 1, 1, 2, 3}, {6, 2, 1, 3, 2}}}};  // more cells than one chain
}

/// A body with windows, and the number of kernels that it becomes.
struct Made {
  ir::Graph graph;
  std::size_t kernels;
};

class Maker {
 public:
  Maker(const Slide& slide, DType dtype) : slide_(slide), dtype_(dtype), b_("f") {}

  Value parameter(Shape shape) { return b_.parameter(fmt::format("p{}", count_++), {dtype_, std::move(shape)}); }
  Value windows(Value x) { return b_(Op::kWindows, {x}, ir::window_attributes(1, slide_.windows)); }
  Value images() { return parameter(slide_.shape); }
  Shape shape_of_windows() {
    ir::Builder other("windows");
    const Value x = other.parameter("x", {dtype_, slide_.shape});
    return other.type(other(Op::kWindows, {x}, ir::window_attributes(1, slide_.windows))).shape;
  }
  Shape outputs() {
    Shape shape;
    const Shape all = shape_of_windows();
    for (int axis = 0; axis < all.rank(); ++axis) {
      if (axis <= slide_.count() || axis == all.rank() - 1) shape.push_back(all[axis]);
    }
    return shape;
  }
  /// A value for each output, repeated for all cells of its window.
  Value repeated(Value y) {
    Shape apart = shape_of_windows();
    for (const std::int64_t axis : slide_.cell_axes()) apart[static_cast<int>(axis)] = 1;
    return b_.broadcast(b_.reshape(y, apart), shape_of_windows());
  }
  Value filter() {
    const Shape all = shape_of_windows();
    return b_.broadcast(parameter(Shape(std::vector<Dim>(all.begin() + 1 + slide_.count(), all.end()))), all);
  }
  Value added(Value windows) {
    ir::Attributes attributes = ir::window_attributes(1, slide_.windows);
    attributes.set(Attr::kShape, slide_.shape);
    return b_(Op::kAddWindows, {windows}, std::move(attributes));
  }
  ir::Builder& b() { return b_; }
  ir::Graph finish(std::vector<Value> results) {
    b_.set_results(std::move(results));
    return std::move(b_).finish();
  }

 private:
  const Slide& slide_;
  DType dtype_;
  ir::Builder b_;
  int count_ = 0;
};

ir::Graph weighted_sums(const Slide& slide, DType dtype) {
  Maker m(slide, dtype);
  const Value x = m.images();
  const Value products = m.b()(Op::kMul, {m.windows(x), m.filter()});
  return m.finish({m.b().reduce_sum(products, slide.cell_axes())});
}

ir::Graph extremes(const Slide& slide, DType dtype) {
  Maker m(slide, dtype);
  const Value windows = m.windows(m.images());
  return m.finish({m.b()(Op::kReduceMax, {windows}, {{Attr::kAxes, slide.cell_axes()}}),
                   m.b()(Op::kReduceMin, {windows}, {{Attr::kAxes, slide.cell_axes()}})});
}

/// The gradient of a filter of weighted_sums.
ir::Graph sums_by_cells(const Slide& slide, DType dtype) {
  Maker m(slide, dtype);
  const Value windows = m.windows(m.images());
  const Value products = m.b()(Op::kMul, {windows, m.repeated(m.parameter(m.outputs()))});
  std::vector<std::int64_t> axes;
  for (int axis = 0; axis <= slide.count(); ++axis) axes.push_back(axis);
  return m.finish({m.b().reduce_sum(products, axes)});
}

/// The gradient of the images of weighted_sums, and what goes on with it.
ir::Graph added_products(const Slide& slide, DType dtype) {
  Maker m(slide, dtype);
  const Value up = m.parameter(m.outputs());
  const Value x = m.images();
  const Value products = m.b()(Op::kMul, {m.repeated(up), m.filter()});
  return m.finish({m.b()(Op::kMul, {m.added(products), x})});
}

ir::Graph added_repeats(const Slide& slide, DType dtype) {
  Maker m(slide, dtype);
  return m.finish({m.added(m.repeated(m.parameter(m.outputs())))});
}

ir::Graph loops(const Slide& slide, DType dtype) {
  Maker m(slide, dtype);
  const Value x = m.images();
  return m.finish({m.b()(Op::kAdd, {m.windows(x), m.filter()})});
}

bool looks_through_windows(const backend::Plan& plan) {
  return std::ranges::none_of(plan.kernels, [](const backend::KernelPlan& kernel) {
    const auto& nodes = kernel.body->nodes();
    const bool is_alone = std::ranges::count_if(nodes, [](const ir::Node& n) { return n.op != Op::kParameter; }) == 1;
    return is_alone && nodes.back().op == Op::kWindows;
  });
}

void check(const ir::Graph& graph, std::size_t most_kernels) {
  CAPTURE(ir::print(graph));
  const runtime::KeepDefaultThreads keep;
  for (const std::string& features : test::vector_targets()) {
    CAPTURE(features);
    const auto program =
        backend::compile(graph, {.target_features = features, .cache = std::nullopt, .verify_plan = true});
    CHECK(program->plan().kernels.size() <= most_kernels);
    CHECK(looks_through_windows(program->plan()));
    const bool is_host = features.empty();
    runtime::set_default_threads(is_host ? 3 : 1);
    test::check_jit(graph, is_host ? std::vector<std::int64_t>{1, 3, 64} : std::vector<std::int64_t>{3}, 4e-6,
                    {.target_features = features});
  }
}

using Make = ir::Graph (*)(const Slide&, DType);

void check_all(Make make, std::size_t most_kernels) {
  for (const Slide& slide : slides()) check(make(slide, DType::kF32), most_kernels);
  for (const DType dtype : {DType::kF64, DType::kI32, DType::kI64, DType::kU8}) {
    CAPTURE(to_string(dtype));
    for (const std::size_t i : std::array<std::size_t, 3>{0, 2, 5}) check(make(slides()[i], dtype), most_kernels);
  }
}

TEST_CASE("sums of weighted windows") { check_all(weighted_sums, 1); }

TEST_CASE("extremes of windows") { check_all(extremes, 2); }

TEST_CASE("sums for each cell of a window") { check_all(sums_by_cells, 2); }

// Rows of few channels are shorter than vectors, so what goes on with them is another kernel.
TEST_CASE("add_windows of products, and what goes on with them") { check_all(added_products, 2); }

TEST_CASE("add_windows of what is repeated") { check_all(added_repeats, 1); }

TEST_CASE("windows in a loop") { check_all(loops, 1); }

TEST_CASE("products of groups of channels pack their windows, and so do the gradients of their filters") {
  const ir::Graph graph = ir::parse(R"(sluice-ir 1
graph @groups(%x: f32[B,6,5,12], %w: f32[3,36,8], %y: f32[3,24*B,8]) {
  %0: f32[B,6,4,3,3,12] = windows %x {axis=1, dilations=[1,1], padding=[1,1,0,1], sizes=[3,3], strides=[1,1]}
  %1: f32[24*B,9,3,4] = reshape %0 {shape=[24*B,9,3,4]}
  %2: f32[3,24*B,9,4] = transpose %1 {permutation=[2,0,1,3]}
  %3: f32[3,24*B,36] = reshape %2 {shape=[3,24*B,36]}
  %4: f32[3,24*B,8] = matmul %3, %w
  %5: f32[3,36,8] = matmul %3, %y {transpose_a=true}
  return %4, %5
})");
  const auto program = backend::compile(graph, {.cache = std::nullopt, .verify_plan = true});
  CHECK(looks_through_windows(program->plan()));
  const auto packs = [](const backend::KernelPlan& kernel) {
    const backend::ProductKernel* const product = kernel.product();
    return product != nullptr && (product->packs_windows || product->panels == backend::RhsPanels::kWindows);
  };
  CHECK(std::ranges::count_if(program->plan().kernels, packs) == 6);
  test::check_jit(graph, {1, 3, 64, 128}, 4e-6);
}

TEST_CASE("a loop that add_windows takes in joins no loop of its own shape") {
  test::check_jit(ir::parse(R"(sluice-ir 1
graph @beside(%x: f32[B,4,2,9], %y: f32[B,4,2,9]) {
  %0: f32[B,4,2,9] = mul %x, %y
  %1: f32[B,5,9] = add_windows %0 {axis=1, dilations=[1], padding=[0,0], shape=[B,5,9], sizes=[2], strides=[1]}
  %2: f32[B,4,2,9] = exp %x
  return %1, %2
})"));
}

TEST_CASE("a plan says how a kernel goes through windows") {
  const Slide slide = slides()[0];
  const auto sweep_of = [](const ir::Graph& graph, std::size_t kernel) {
    const auto program = backend::compile(graph, {.cache = std::nullopt});
    return std::get<backend::ReduceKernel>(program->plan().kernels[kernel].how).sweep;
  };
  CHECK(sweep_of(weighted_sums(slide, DType::kF32), 0) == Sweep::kByPositions);
  CHECK(sweep_of(sums_by_cells(slide, DType::kF32), 0) == Sweep::kByCells);
  CHECK(sweep_of(weighted_sums(slides().back(), DType::kF32), 0) == Sweep::kByOutputs);
  const auto program = backend::compile(added_repeats(slide, DType::kF32), {.cache = std::nullopt});
  const auto& loop = std::get<backend::LoopKernel>(program->plan().kernels[0].how);
  CHECK(loop.by_positions);
  CHECK(loop.inner == std::vector<backend::InnerRange>{{1, 1, 8}, {2, 1, 7}});
}

}  // namespace
}  // namespace sluice
