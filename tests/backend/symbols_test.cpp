// Graphs with several symbolic sizes: one executable for all of them, against the interpreter.
#include <algorithm>

#include "backend/plan.h"
#include "backend/target.h"
#include "backend/verify_plan.h"
#include "ir/solve_sizes.h"
#include "passes/pass.h"
#include "runtime/execution/thread_team.h"
#include "sluice/error.h"
#include "sluice/ir/text.h"
#include "tests/backend/check_jit.h"
#include "tests/support/refusal.h"

namespace sluice {
namespace {

const Symbol kT = Symbol::named("T");

ir::Graph parse(const std::string& body) { return ir::parse("sluice-ir 1\n" + body); }

/// Runs one executable with all pairs of B and T on 1 to 3 threads.
void check_sizes(const ir::Graph& graph, double tolerance = 4e-6) {
  const runtime::KeepDefaultThreads keep;
  const std::vector<Array> states = random_states(graph, 7);
  for (const int threads : {1, 2, 3}) {
    runtime::set_default_threads(threads);
    const runtime::Variables variables = runtime::variables_for(graph, states);
    const auto executable = runtime::Executable::create(graph, variables);
    std::vector<Array> outputs(graph.results().size());
    for (const std::int64_t batch_size : {1, 3, 64, 128}) {
      for (const std::int64_t length : {1, 7, 33}) {
        Bindings bindings = batch_size;
        bindings.set(kT, length);
        CAPTURE(to_string(bindings));
        CAPTURE(threads);
        for (std::size_t i = 0; i < states.size(); ++i) variables[i]->assign(states[i]);
        const std::vector<Array> inputs = random_parameters(graph, bindings, 1);
        const ir::EvalResult expected = ir::evaluate(graph, inputs, states);
        executable->run(inputs, outputs);
        for (std::size_t i = 0; i < outputs.size(); ++i) {
          CAPTURE(i);
          CHECK(test::distance(outputs[i], expected.results[i]) <= tolerance);
        }
        for (std::size_t i = 0; i < states.size(); ++i)
          CHECK(test::distance(variables[i]->value(), expected.states[i]) <= tolerance);
      }
    }
  }
}

TEST_CASE("elementwise ops, broadcasts, casts and sizes as numbers") {
  check_sizes(parse(R"(graph @elementwise(%x: f32[B,T,5], %p: f32[T,5], %m: bool[B,T], %n: f64[T]) {
  %0: f32[B,T,5] = broadcast %p {shape=[B,T,5]}
  %1: f32[B,T,5] = mul %x, %0
  %2: bool[B,T,1] = reshape %m {shape=[B,T,1]}
  %3: bool[B,T,5] = broadcast %2 {shape=[B,T,5]}
  %4: f32[B,T,5] = tanh %x
  %5: f32[B,T,5] = select %3, %1, %4
  %6: i64[] = batch_size {size=B*T}
  %7: f32[] = cast %6 {dtype=f32}
  %8: f32[B,T,5] = broadcast %7 {shape=[B,T,5]}
  %9: f32[B,T,5] = div %5, %8
  %10: i64[] = batch_size {size=2*T-1}
  %11: f64[] = cast %10 {dtype=f64}
  %12: f64[T] = broadcast %11 {shape=[T]}
  %13: f64[T] = mul %12, %n
  %14: f32[T] = iota {axis=0, dtype=f32, shape=[T]}
  return %9, %6, %13, %14
})"));
}

TEST_CASE("reductions along any axes, and argmax") {
  check_sizes(parse(R"(graph @reductions(%x: f32[B,T,5], %y: f32[B,T]) {
  %0: f32[B,5] = reduce_sum %x {axes=[1]}
  %1: f32[T] = reduce_max %x {axes=[0,2]}
  %2: f32[B] = reduce_min %y {axes=[1]}
  %3: i64[B] = argmax %y {axis=1}
  %4: i64[T] = argmax %y {axis=0}
  %5: f32[] = reduce_sum %x {axes=[0,1,2]}
  %6: f32[B,T] = reduce_sum %x {axes=[2]}
  %7: f32[T] = reduce_sum %6 {axes=[0]}
  return %0, %1, %2, %3, %4, %5, %6, %7
})"));
}

TEST_CASE("softmax over a static axis and over a symbolic one") {
  for (const std::string columns : {"33", "T"}) {
    const std::string shape = "[B,T," + columns + "]";
    check_sizes(parse("graph @softmax(%x: f32" + shape + R"() {
  %0: f32[B,T] = reduce_max %x {axes=[2]}
  %1: f32[B,T,1] = reshape %0 {shape=[B,T,1]}
  %2: f32)" + shape +
                      " = broadcast %1 {shape=" + shape + R"(}
  %3: f32)" + shape + R"( = sub %x, %2
  %4: f32)" + shape + R"( = exp %3
  %5: f32[B,T] = reduce_sum %4 {axes=[2]}
  %6: f32[B,T,1] = reshape %5 {shape=[B,T,1]}
  %7: f32)" + shape +
                      " = broadcast %6 {shape=" + shape + R"(}
  %8: f32)" + shape + R"( = div %4, %7
  return %8
})"));
  }
}

TEST_CASE("reshapes that keep the product, transposes") {
  check_sizes(parse(R"(graph @moves(%x: f32[B,T,6]) {
  %0: f32[B*T,6] = reshape %x {shape=[B*T,6]}
  %1: f32[B*T,6] = exp %0
  %2: f32[B,T,2,3] = reshape %1 {shape=[B,T,2,3]}
  %3: f32[B,2,T,3] = transpose %2 {permutation=[0,2,1,3]}
  %4: f32[T,B,6] = transpose %x {permutation=[1,0,2]}
  %5: f32[6*B*T] = reshape %4 {shape=[6*B*T]}
  %6: f32[6*B*T] = neg %5
  return %3, %4, %6
})"));
}

TEST_CASE("products whose rows, columns, K and matrices are symbolic") {
  check_sizes(parse(R"(graph @products(%q: f32[B,T,17], %k: f32[B,T,17], %v: f32[B,T,20], %x: f32[B,T], %z: f32[B*T,33])
    state(%w: f32[17,40] "w") {
  %0: f32[B,T,T] = matmul %q, %k {transpose_b=true}
  %1: f32[B,T,20] = matmul %0, %v
  %2: f32[B,T,20] = matmul %0, %v {transpose_a=true}
  %3: f32[B*T,17] = reshape %q {shape=[B*T,17]}
  %4: f32[B*T,40] = matmul %3, %w
  %5: f32[B*T,40] = relu %4
  %6: f32[T,T] = matmul %x, %x {transpose_a=true}
  %7: f32[B,B] = matmul %x, %x {transpose_b=true}
  %8: f32[33,40] = matmul %z, %5 {transpose_a=true}
  %9: f32[B,T] = matmul %7, %x
  %10: f32[B,20,T] = matmul %v, %0 {transpose_a=true}
  return %0, %1, %2, %5, %6, %7, %8, %9, %10
})"));
}

constexpr const char* kAttention = R"(graph @step(%x: f32[B,T,24])
    state(%wq: f32[24,24] "wq", %wk: f32[24,24] "wk", %wv: f32[24,24] "wv") {
  %0: f32[B*T,24] = reshape %x {shape=[B*T,24]}
  %1: f32[B*T,24] = matmul %0, %wq
  %2: f32[B,T,24] = reshape %1 {shape=[B,T,24]}
  %3: f32[B*T,24] = matmul %0, %wk
  %4: f32[B,T,24] = reshape %3 {shape=[B,T,24]}
  %5: f32[B*T,24] = matmul %0, %wv
  %6: f32[B,T,24] = reshape %5 {shape=[B,T,24]}
  %7: f32[B,T,T] = matmul %2, %4 {transpose_b=true}
  %8: f32[B,T] = reduce_max %7 {axes=[2]}
  %9: f32[B,T,1] = reshape %8 {shape=[B,T,1]}
  %10: f32[B,T,T] = broadcast %9 {shape=[B,T,T]}
  %11: f32[B,T,T] = sub %7, %10
  %12: f32[B,T,T] = exp %11
  %13: f32[B,T] = reduce_sum %12 {axes=[2]}
  %14: f32[B,T,1] = reshape %13 {shape=[B,T,1]}
  %15: f32[B,T,T] = broadcast %14 {shape=[B,T,T]}
  %16: f32[B,T,T] = div %12, %15
  %17: f32[B,T,24] = matmul %16, %6
  %18: f32[B,T,24] = square %17
  %19: f32[] = reduce_sum %18 {axes=[0,1,2]}
  %20: i64[] = batch_size {size=B*T}
  %21: f32[] = cast %20 {dtype=f32}
  %22: f32[] = div %19, %21
  %23: f32[24,24], %24: f32[24,24], %25: f32[24,24], %26: f32[B,T,24] = gradient %22, %wq, %wk, %wv, %x
  %27: f32[24,24] = sub %wq, %23
  %28: f32[24,24] = sub %wk, %24
  %29: f32[24,24] = sub %wv, %25
  update %wq = %27, %wk = %28, %wv = %29
  return %22, %26
})";

TEST_CASE("a step of attention with its gradients") {
  const ir::Graph step = parse(kAttention);
  const std::array<std::string_view, 1> expand{"differentiate"};
  check_sizes(passes::run_passes(step, expand), 2e-5);  // three products and exp, one after the other
}

TEST_CASE("slices, pads and joins along symbolic axes; an axis may become empty") {
  check_sizes(parse(R"(graph @moves(%x: f32[B,T,3], %y: f32[B,2,3], %z: f32[T]) {
  %0: f32[B,T-1,3] = slice %x {axis=1, limit=T, start=1}
  %1: f32[B,T-1,3] = slice %x {axis=1, limit=T-1, start=0}
  %2: f32[B,T-1,3] = sub %0, %1
  %3: f32[] = reduce_sum %2 {axes=[0,1,2]}
  %4: f32[B,T,3] = pad %1 {axis=1, high=0, low=1}
  %5: f32[B,T+2,3] = concat %x, %y {axis=1}
  %6: f32[B,2*T,3] = concat %x, %x {axis=1}
  %7: f32[B,1,3] = slice %x {axis=1, limit=T, start=T-1}
  %8: f32[B,T-1,3] = exp %2
  %9: f32[B,T+1,3] = concat %8, %y {axis=1}
  %10: f32[T+B] = pad %z {axis=0, high=B, low=0}
  return %2, %3, %4, %5, %6, %7, %9, %10
})"));
}

TEST_CASE("a product that skips zeros may have no steps of K") {
  const runtime::KeepDefaultThreads keep;
  runtime::set_default_threads(1);
  // The first product packs a panel of ones to the scratch where the second one keeps its lists, which are empty.
  const ir::Graph graph = parse(R"(graph @f(%p: f32[9,2048], %q: f32[96,2048], %x: f32[64,T], %w: f32[T,96]) {
  %0: f32[9,96] = matmul %p, %q {transpose_b=true}
  %1: f32[64,T-2] = slice %x {axis=1, limit=T, start=2}
  %2: f32[T-2,96] = slice %w {axis=0, limit=T, start=2}
  %3: f32[64,96] = matmul %1, %2
  return %0, %3
})");
  const auto executable = runtime::Executable::create(graph, {});
  const auto product_of = [&](std::int64_t rows) {
    return std::ranges::find_if(executable->plan()->kernels, [&](const backend::KernelPlan& kernel) {
      return kernel.product() != nullptr && kernel.body->node(kernel.product()->matmul).types[0].shape[0] == Dim(rows);
    });
  };
  const auto first = product_of(9);
  const auto second = product_of(64);
  REQUIRE(first < second);
  REQUIRE(second != executable->plan()->kernels.end());
  CHECK(first->product()->packs());
  CHECK(second->product()->skips_zeros);
  Bindings shortest = 1;
  shortest.set(kT, 2);
  CHECK(second->product()->scratch.lists.at(shortest) > first->product()->scratch.panel.at(shortest));
  CHECK(second->product()->scratch.end.at(shortest) < first->product()->scratch.next_panel.at(shortest));
  std::vector<Array> outputs(2);
  for (const std::int64_t length : {2, 3, 150}) {
    CAPTURE(length);
    Bindings bindings = 1;
    bindings.set(kT, length);
    std::vector<Array> inputs = random_parameters(graph, bindings, 1);
    for (std::size_t i = 0; i < 2; ++i) std::ranges::fill(inputs[i].data<float>(), 1.0F);
    const ir::EvalResult expected = ir::evaluate(graph, inputs, {});
    executable->run(inputs, outputs);
    for (std::size_t i = 0; i < outputs.size(); ++i) CHECK(test::distance(outputs[i], expected.results[i]) <= 4e-6);
  }
}

TEST_CASE("what a size must be is checked when it is bound") {
  const ir::Graph graph = parse(R"(graph @shifted(%x: f32[B,T]) {
  %0: f32[B,T-2] = slice %x {axis=1, limit=T, start=2}
  %1: f32[B] = reduce_max %0 {axes=[1]}
  return %1
})");
  const auto executable = runtime::Executable::create(graph, {});
  std::vector<Array> outputs(1);
  executable->run(std::vector{Array(DType::kF32, {2, 3})}, outputs);
  const auto refused = [&](std::int64_t length) {
    const std::vector<Array> inputs{Array(DType::kF32, {2, length})};
    const std::string by_jit = test::refusal([&] { executable->run(inputs, outputs); });
    CHECK(test::refusal([&] { ir::evaluate(graph, inputs, {}); }) == by_jit);
    return by_jit;
  };
  const auto contains = [](const std::string& text, std::string_view part) { return text.find(part) != text.npos; };
  CHECK(contains(refused(2),
                 "@shifted: reduce_max: the size of an axis that it folds is T-2 = 0 with B = 2, "
                 "T = 2, expected at least 1"));
  CHECK(contains(refused(1),
                 "@shifted: slice: a size of the result is T-2 = -1 with B = 2, T = 1, expected at "
                 "least 0"));
}

TEST_CASE("arguments bind symbols, in sums and products too") {
  const ir::Graph graph = parse(R"(graph @f(%a: f32[B*T,2], %b: f32[2*T-1], %c: f32[B+T]) {
  return %a, %b, %c
})");
  const auto bound = [&](std::int64_t a, std::int64_t b, std::int64_t c) {
    const std::vector<Array> inputs{Array(DType::kF32, {a, 2}), Array(DType::kF32, {b}), Array(DType::kF32, {c})};
    Bindings bindings;
    const std::string refusal = test::refusal([&] { bindings = ir::bindings_of(graph, inputs); });
    return refusal == "accepted" ? to_string(bindings) : refusal;
  };
  CHECK(bound(12, 7, 7) == "T = 4, B = 3");
  CHECK(bound(12, 6, 7) == "@f: input %b is f32[6], expected f32[2*T-1]");
  CHECK(bound(12, 7, 8) ==
        "@f: input %a is f32[12,2], expected f32[B*T,2] with T = 4 as in input %b, f32[7] and B = 4 as in input %c, "
        "f32[8]");
  CHECK(bound(12, 7, 4) == "@f: input %c is f32[4], expected f32[B+T]: B is at least 1");
}

TEST_CASE("values that grow alike share an arena, which the plan's verifier proves") {
  const ir::Graph fused = passes::run_passes(parse(kAttention), passes::default_pipeline());
  backend::Plan plan = backend::make_plan(fused, backend::host_target());
  CHECK(plan.symbols.size() == 2);
  CHECK(plan.arenas.size() >= 2);
  CHECK_FALSE(backend::verify_plan(plan).has_value());
  for (backend::Buffer& buffer : plan.buffers) {
    if (buffer.kind != backend::BufferKind::kTemporary || !buffer.bytes.batch) continue;
    const Dim bytes = buffer.bytes;
    buffer.bytes = Dim(bytes.size, length("U").batch);
    CHECK(backend::verify_plan(plan).has_value());
    buffer.bytes = bytes;
  }
  for (backend::GrowingArena& arena : plan.arenas) {
    const std::int64_t bytes = std::exchange(arena.bytes.size, 0);
    CHECK(backend::verify_plan(plan).has_value());
    arena.bytes.size = bytes;
  }
  CHECK_FALSE(backend::verify_plan(plan).has_value());
}

}  // namespace
}  // namespace sluice
