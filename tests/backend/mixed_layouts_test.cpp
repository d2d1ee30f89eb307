// Epilogues of products that access matrices of one shape in several layouts: variables and gradients in panels of 48
// columns, values that products read in one padded panel, everything else row by row. Each must be addressed by its own
// layout.
#include "ir/reference/interpreter.h"
#include "passes/pass.h"
#include "runtime/execution/thread_team.h"
#include "sluice/ir/text.h"
#include "tests/backend/check_jit.h"
#include "tests/support/vector_targets.h"

namespace sluice {
namespace {

/// Runs `graph` once on 1, 2 and 3 threads and compares all results and new states with the interpreter's.
void check_threads(const ir::Graph& graph, const runtime::ExecutableOptions& options, double tolerance) {
  constexpr std::int64_t kBatch = 11;
  const std::vector<std::string_view> passes{"differentiate"};
  const ir::Graph plain = passes::run_passes(graph, passes);
  const std::vector<Array> states = random_states(graph, 7, StatesAt::kInit);
  const std::vector<Array> inputs = test::random_parameters(graph, kBatch, 1);
  const ir::EvalResult expected = ir::evaluate(plain, inputs, states);
  const runtime::Variables variables = runtime::variables_for(graph, states);
  const auto executable = runtime::Executable::create(graph, variables, options);
  for (const int threads : {1, 2, 3}) {
    CAPTURE(threads);
    runtime::set_default_threads(threads);
    for (std::size_t i = 0; i < states.size(); ++i) variables[i]->assign(states[i]);
    std::vector<Array> outputs(graph.results().size());
    executable->run(inputs, outputs);
    for (std::size_t i = 0; i < outputs.size(); ++i) {
      CAPTURE(i);
      CHECK(test::distance(outputs[i], expected.results[i]) <= tolerance);
    }
    for (std::size_t i = 0; i < states.size(); ++i) {
      CAPTURE(graph.states()[i].name);
      CHECK(test::distance(variables[i]->value(), expected.states[i]) <= tolerance);
    }
  }
}

std::string with(std::string text, std::string_view name, const std::string& value) {
  for (std::size_t at = text.find(name); at != std::string::npos; at = text.find(name, at + value.size()))
    text.replace(at, name.size(), value);
  return text;
}

struct Size {
  std::int64_t rows, columns;
};

/// Checks a graph of matrices of $R rows and $N columns of $T, for vectors of every width.
void check(const std::string& body, const char* dtype, std::span<const Size> sizes, double tolerance) {
  for (const auto& [rows, columns] : sizes) {
    const std::string sized = with(with(body, "$R", std::to_string(rows)), "$N", std::to_string(columns));
    const std::string text = "sluice-ir 1\ngraph @f" + with(sized, "$T", dtype);
    CAPTURE(text);
    for (const std::string& features : test::vector_targets()) {
      CAPTURE(features);
      check_threads(ir::parse(text), {.target_features = features}, tolerance);
    }
  }
}

/// Variables are in panels from 8 rows up. A column less than a panel, one panel, a column more, and so on.
void check(const std::string& body) {
  constexpr Size kSizes[] = {{8, 47}, {8, 48}, {7, 49}, {8, 49}, {9, 49}, {8, 96}, {9, 97}, {8, 100}, {9, 300}};
  constexpr Size kSomeSizes[] = {{8, 49}, {9, 97}, {8, 144}};
  check(body, "f32", kSizes, 1e-5);
  check(body, "f64", kSomeSizes, 1e-12);
}

TEST_CASE("a value that a product reads next to one that none reads, without variables") {
  check(R"((%c: $T[$R,$N], %a: $T[$N,4], %e: $T[$R,4], %b: $T[4,$N]) {
  %0: $T[$R,$N] = exp %c
  %1: $T[$R,4] = matmul %0, %a
  %2: $T[$R,$N] = matmul %e, %b
  %3: $T[$R,$N] = mul %2, %0
  %4: $T[$R] = reduce_sum %3 {axes=[1]}
  return %1, %4
})");
}

TEST_CASE("a variable next to a row-major value") {
  check(R"((%a: $T[$R,8], %b: $T[8,$N], %t: $T[$N,$R]) state(%w: $T[$R,$N] "w") {
  %0: $T[$R,$N] = transpose %t {permutation=[1,0]}
  %1: $T[$R,$N] = matmul %a, %b
  %2: $T[$R,$N] = add %1, %0
  %3: $T[$R,$N] = add %w, %2
  update %w = %3
  return
})");
}

TEST_CASE("the gradient of a bias with a static batch") {
  check(R"((%x: $T[$R,4]) state(%w: $T[4,$N] "w", %b: $T[$N] "b", %v: $T[$N,3] "v") {
  %0: $T[$R,$N] = matmul %x, %w
  %1: $T[$R,$N] = broadcast %b {shape=[$R,$N]}
  %2: $T[$R,$N] = add %0, %1
  %3: $T[$R,$N] = tanh %2
  %4: $T[$R,3] = matmul %3, %v
  %5: $T[$R,3] = square %4
  %6: $T[] = reduce_sum %5 {axes=[0,1]}
  %7: $T[$N] = gradient %6, %b
  return %6, %7
})");
}

TEST_CASE("two gradients that are added and clipped by their norm") {
  check(R"((%x: $T[B,$R], %y: $T[B,$R], %g: $T[B,$N], %h: $T[B,$N]) state(%w: $T[$R,$N] "w") {
  %0: $T[$R,$N] = matmul %x, %g {transpose_a=true}
  %1: $T[$R,$N] = matmul %y, %h {transpose_a=true}
  %2: $T[$R,$N] = add %0, %1
  %3: $T[$R,$N] = square %2
  %4: $T[] = reduce_sum %3 {axes=[0,1]}
  %5: $T[$R,$N] = broadcast %4 {shape=[$R,$N]}
  %6: $T[$R,$N] = div %2, %5
  %7: $T[$R,$N] = sub %w, %6
  update %w = %7
  return %6
})");
}

TEST_CASE("a weight used twice") {
  check(R"((%x: $T[B,$R], %y: $T[B,$R]) state(%w: $T[$R,$N] "w", %m: $T[$R,$N] "m") {
  %0: $T[B,$N] = matmul %x, %w
  %1: $T[B,$N] = matmul %y, %w
  %2: $T[$R,$N] = matmul %x, %0 {transpose_a=true}
  %3: $T[$R,$N] = matmul %y, %1 {transpose_a=true}
  %4: $T[$R,$N] = add %2, %3
  %5: $T[$R,$N] = add %m, %4
  %6: $T[$R,$N] = sub %w, %5
  %7: $T[] = reduce_sum %0 {axes=[0,1]}
  update %w = %6, %m = %5
  return %7
})");
}

TEST_CASE("tied weights") {
  check(R"((%x: $T[B,$R]) state(%w: $T[$R,$N] "w") {
  %0: $T[B,$N] = matmul %x, %w
  %1: $T[B,$N] = tanh %0
  %2: $T[B,$R] = matmul %1, %w {transpose_b=true}
  %3: $T[B,$R] = sub %2, %x
  %4: $T[B,$R] = square %3
  %5: $T[] = reduce_sum %4 {axes=[0,1]}
  %6: $T[$R,$N] = gradient %5, %w
  %7: $T[$R,$N] = sub %w, %6
  update %w = %7
  return %5
})");
}

TEST_CASE("a recurrent net over three steps of a static batch") {
  check(R"((%x: $T[$R,4], %y: $T[$R,4], %z: $T[$R,4]) state(%u: $T[4,$N] "u", %w: $T[$N,$N] "w", %h: $T[$R,$N] "h") {
  %0: $T[$R,$N] = matmul %x, %u
  %1: $T[$R,$N] = matmul %h, %w
  %2: $T[$R,$N] = add %0, %1
  %3: $T[$R,$N] = tanh %2
  %4: $T[$R,$N] = matmul %y, %u
  %5: $T[$R,$N] = matmul %3, %w
  %6: $T[$R,$N] = add %4, %5
  %7: $T[$R,$N] = tanh %6
  %8: $T[$R,$N] = matmul %z, %u
  %9: $T[$R,$N] = matmul %7, %w
  %10: $T[$R,$N] = add %8, %9
  %11: $T[$R,$N] = tanh %10
  %12: $T[$R,$N] = square %11
  %13: $T[] = reduce_sum %12 {axes=[0,1]}
  %14: $T[4,$N], %15: $T[$N,$N] = gradient %13, %u, %w
  %16: $T[4,$N] = sub %u, %14
  %17: $T[$N,$N] = sub %w, %15
  update %u = %16, %w = %17, %h = %11
  return %13
})");
}

TEST_CASE("two losses whose gradients meet in one variable") {
  check(R"((%x: $T[B,$R], %t: $T[B,$N]) state(%w: $T[$R,$N] "w", %v: $T[$R,$N] "v") {
  %0: $T[B,$N] = matmul %x, %w
  %1: $T[B,$N] = sub %0, %t
  %2: $T[B,$N] = square %1
  %3: $T[] = reduce_sum %2 {axes=[0,1]}
  %4: $T[B,$N] = matmul %x, %v
  %5: $T[B,$N] = mul %4, %0
  %6: $T[] = reduce_sum %5 {axes=[0,1]}
  %7: $T[$R,$N] = gradient %3, %w
  %8: $T[$R,$N], %9: $T[$R,$N] = gradient %6, %w, %v
  %10: $T[$R,$N] = add %7, %8
  %11: $T[$R,$N] = sub %w, %10
  %12: $T[$R,$N] = sub %v, %9
  update %w = %11, %v = %12
  return %3, %6
})");
}

TEST_CASE("attention over a static sequence") {
  check(R"((%x: $T[$R,$N]) state(%q: $T[$N,$N] "q", %k: $T[$N,$N] "k", %v: $T[$N,$N] "v") {
  %0: $T[$R,$N] = matmul %x, %q
  %1: $T[$R,$N] = matmul %x, %k
  %2: $T[$R,$N] = matmul %x, %v
  %3: $T[$R,$R] = matmul %0, %1 {transpose_b=true}
  %4: $T[$R,$R] = sigmoid %3
  %5: $T[$R,$N] = matmul %4, %2
  %6: $T[$R,$N] = add %5, %x
  %7: $T[$R,$N] = square %6
  %8: $T[] = reduce_sum %7 {axes=[0,1]}
  %9: $T[$N,$N], %10: $T[$N,$N], %11: $T[$N,$N] = gradient %8, %q, %k, %v
  return %6, %9, %10, %11
})");
}

TEST_CASE("a derivative of a derivative with a static batch") {
  check(R"((%x: $T[$R,2]) state(%w: $T[2,$N] "w", %b: $T[$N] "b", %v: $T[$N,1] "v") {
  %0: $T[$R,$N] = matmul %x, %w
  %1: $T[$R,$N] = broadcast %b {shape=[$R,$N]}
  %2: $T[$R,$N] = add %0, %1
  %3: $T[$R,$N] = tanh %2
  %4: $T[$R,1] = matmul %3, %v
  %5: $T[] = reduce_sum %4 {axes=[0,1]}
  %6: $T[$R,2] = gradient %5, %x
  %7: $T[$R,2] = square %6
  %8: $T[] = reduce_sum %7 {axes=[0,1]}
  %9: $T[2,$N], %10: $T[$N], %11: $T[$N,1] = gradient %8, %w, %b, %v
  return %8, %9, %10, %11
})");
}

TEST_CASE("an epilogue that runs one tile behind, with values in three layouts") {
  check(R"((%x: $T[$R,300], %d: $T[300,$N], %p: $T[$R,$N], %a: $T[$N,4], %c: $T[$R,$N]) state(%w: $T[$R,$N] "w") {
  %0: $T[$R,$N] = exp %c
  %1: $T[$R,4] = matmul %0, %a
  %2: $T[$R,$N] = matmul %x, %d
  %3: $T[$R,$N] = mul %2, %0
  %4: $T[$R,$N] = add %3, %p
  %5: $T[$R,$N] = add %w, %4
  update %w = %5
  return %1, %3
})");
}

}  // namespace
}  // namespace sluice
