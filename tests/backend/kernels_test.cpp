#include <fmt/format.h>

#include "backend/plan.h"
#include "runtime/execution/thread_team.h"
#include "sluice/ir/text.h"
#include "tests/backend/check_jit.h"
#include "tests/support/vector_targets.h"

namespace sluice {
namespace {

void check(const char* body, const std::vector<std::int64_t>& batches = {1, 3, 64, 128}) {
  CAPTURE(body);
  for (const std::string& features : test::vector_targets()) {
    CAPTURE(features);
    test::check_jit(ir::parse(std::string("sluice-ir 1\n") + body), batches, 2e-6, {.target_features = features});
  }
}

TEST_CASE("elementwise chains, broadcasts and mixed element types") {
  check(R"(graph @f(%x: f32[B,33], %b: f32[33], %s: f32[]) {
  %0: f32[B,33] = broadcast %b {shape=[B,33]}
  %1: f32[B,33] = add %x, %0
  %2: f32[B,33] = exp %1
  %3: f32[B,33] = broadcast %s {shape=[B,33]}
  %4: bool[B,33] = less %2, %3
  %5: f32[B,33] = select %4, %1, %2
  return %5, %4
})");
  check(R"(graph @f(%x: u8[B,4,4] {range=[0,256)}) {
  %0: f32[B,4,4] = cast %x {dtype=f32}
  %1: f32[B,16] = reshape %0 {shape=[B,16]}
  %2: f32[] = constant {value=255}
  %3: f32[B,16] = broadcast %2 {shape=[B,16]}
  %4: f32[B,16] = div %1, %3
  return %4
})");
}

TEST_CASE("products of every orientation, with B as a row, column or inner size") {
  for (const char* body : {
           "graph @f(%a: f32[B,33], %b: f32[33,50]) {\n  %0: f32[B,50] = matmul %a, %b\n  return %0\n}",
           "graph @f(%a: f32[B,33], %b: f32[50,33]) {\n  %0: f32[B,50] = matmul %a, %b {transpose_b=true}\n  return "
           "%0\n}",
           "graph @f(%a: f32[B,33], %b: f32[B,50]) {\n  %0: f32[33,50] = matmul %a, %b {transpose_a=true}\n  return "
           "%0\n}",
           "graph @f(%a: f32[33,B], %b: f32[50,33]) {\n  %0: f32[B,50] = matmul %a, %b {transpose_a=true, "
           "transpose_b=true}\n  return %0\n}",
           "graph @f(%a: f32[50,33], %b: f32[33,B]) {\n  %0: f32[50,B] = matmul %a, %b\n  return %0\n}",
           "graph @f(%a: f32[50,33], %b: f32[B,33]) {\n  %0: f32[50,B] = matmul %a, %b {transpose_b=true}\n  return "
           "%0\n}",
           "graph @f(%a: f32[17,B], %b: f32[100,B]) {\n  %0: f32[17,100] = matmul %a, %b {transpose_b=true}\n  return "
           "%0\n}",
           "graph @f(%a: f64[B,7], %b: f64[7,50]) {\n  %0: f64[B,50] = matmul %a, %b\n  return %0\n}",
           "graph @f(%a: f32[B,1], %b: f32[1,1]) {\n  %0: f32[B,1] = matmul %a, %b\n  return %0\n}",
           "graph @f(%a: f32[96,48], %b: f32[48,96]) {\n  %0: f32[96,96] = matmul %a, %b\n  return %0\n}",
       }) {
    check(body);
  }
}

TEST_CASE("a transposed rhs is packed one panel ahead, for all tiles, panels and threads") {
  struct Factor {
    const char* dtype;
    int depth;
    int columns;
    const char* place;
  };
  for (const int threads : {1, 3}) {
    CAPTURE(threads);
    runtime::set_default_threads(threads);
    for (const auto& [dtype, depth, columns, place] : {Factor{"f32", 64, 150, ", %b: {})"},
                                                       {"f32", 67, 96, ", %b: {})"},
                                                       {"f32", 130, 49, ") state(%b: {} \"b\")"},
                                                       {"f32", 200, 300, ") state(%b: {} \"b\")"},
                                                       {"f64", 71, 100, ", %b: {})"},
                                                       {"f64", 130, 60, ") state(%b: {} \"b\")"}}) {
      const std::string factor = fmt::format(fmt::runtime(place), fmt::format("{}[{},{}]", dtype, columns, depth));
      const std::string body = fmt::format(
          "graph @f(%a: {0}[B,{1}]{3} {{\n  %0: {0}[B,{2}] = matmul %a, %b {{transpose_b=true}}\n"
          "  %1: {0}[B,{2}] = neg %0\n  return %1\n}}",
          dtype, depth, columns, factor);
      check(body.c_str(), {1, 3, 8, 20, 64});
    }
  }
  runtime::set_default_threads(1);
}

TEST_CASE("a rhs whose rows are a large power of two apart is read from copies of its panels") {
  const char* const body =
      "graph @f(%a: f32[B,259], %b: f32[B,2048]) {\n  %0: f32[259,2048] = matmul %a, %b {transpose_a=true}\n  return "
      "%0\n}";
  const ir::Graph graph = ir::parse(std::string("sluice-ir 1\n") + body);
  backend::Target target = backend::host_target();
  target.second_cache_bytes = 1 << 20;
  CHECK(backend::make_plan(graph, target).kernels[0].product()->packs());
  check(body, {1, 3, 128});
}

TEST_CASE("an optimizer's update runs behind the product, over whole and partial tiles and panels") {
  check(
      R"(graph @adam(%x: f32[B,70], %d: f32[B,100]) state(%w: f32[70,100] "w" {range=[-1,1)}, %m: f32[70,100] "m", %v: f32[70,100] "v" {range=[1,2)}) {
  %0: f32[70,100] = matmul %x, %d {transpose_a=true}
  %1: f32[70,100] = add %m, %0
  %2: f32[70,100] = square %0
  %3: f32[70,100] = add %v, %2
  %4: f32[70,100] = sqrt %3
  %5: f32[70,100] = div %1, %4
  %6: f32[70,100] = sub %w, %5
  update %w = %6, %m = %1, %v = %3
  return %6
})",
      {1, 3, 23, 24, 64, 128});
}

TEST_CASE("short and long epilogues, over whole and partial tiles and panels") {
  const std::string head =
      "graph @f(%x: f32[B,33], %k: f32[33,100], %y: f32[B,100], %row: f32[100], %column: f32[B,1])";
  for (const char* body : {
           R"( {
  %0: f32[B,100] = matmul %x, %k
  %1: f32[B,100] = broadcast %row {shape=[B,100]}
  %2: f32[B,100] = broadcast %column {shape=[B,100]}
  %3: f32[B,100] = add %0, %1
  %4: f32[B,100] = mul %3, %2
  %5: f32[B,100] = relu %4
  return %5
})",
           R"( {
  %0: f32[B,100] = matmul %x, %k
  %1: bool[B,100] = greater %y, %0
  %2: f32[B,100] = select %1, %y, %0
  return %0, %1, %2
})",
           R"( {
  %0: f32[B,100] = matmul %x, %k
  %1: f32[B,100] = tanh %0
  %2: f32[B,100] = mul %1, %y
  return %2
})",
           R"( state(%w: f32[33,100] "w") {
  %0: f32[33,100] = matmul %x, %y {transpose_a=true}
  %1: f32[33,100] = sub %w, %0
  update %w = %1
  return
})",
           R"( state(%w: f32[33,100] "w", %u: f32[33,100] "u") {
  %0: f32[33,100] = matmul %x, %y {transpose_a=true}
  update %w = %0, %u = %0
  return
})",
       }) {
    check((head + body).c_str(), {1, 7, 8, 64, 300});
  }
}

TEST_CASE("reductions along every axis") {
  for (const char* axes : {"0", "1", "2", "0,1", "0,2", "1,2", "0,1,2"}) {
    for (const char* op : {"reduce_sum", "reduce_max", "reduce_min"}) {
      const ir::Graph probe = ir::parse(fmt::format("sluice-ir 1\ngraph @f(%x: f32[B,5,19]) {{\n  return %x\n}}"));
      ir::Builder builder("f");
      const ir::Value x = builder.parameter("x", probe.type(probe.results()[0]));
      std::vector<std::int64_t> list;
      for (const char* c = axes; *c != 0; ++c) {
        if (*c != ',') list.push_back(*c - '0');
      }
      builder.set_results({builder(*ir::parse_op(op), {x}, {{ir::Attr::kAxes, list}})});
      CAPTURE(axes);
      CAPTURE(op);
      test::check_jit(std::move(builder).finish(), {1, 3, 64}, 1e-5);  // thousands of terms in another order
    }
  }
}

TEST_CASE("states are updated in place, after their readers, or through a copy where they depend on each other") {
  check(R"(graph @counter() state(%t: f32[] "t") {
  %0: f32[] = constant {value=1}
  %1: f32[] = add %t, %0
  update %t = %1
  return %t, %1
})",
        {1});
  check(R"(graph @swap() state(%a: f32[5] "a", %b: f32[5] "b") {
  update %a = %b, %b = %a
  return
})",
        {1});
  check(R"(graph @rotate(%x: f32[5]) state(%a: f32[5] "a", %b: f32[5] "b", %c: f32[5] "c") {
  update %a = %b, %b = %x, %c = %b
  return %a
})",
        {1});
  check(R"(graph @square() state(%w: f32[9,9] "w") {
  %0: f32[9,9] = matmul %w, %w
  update %w = %0
  return %0, %w
})",
        {1});
  check(R"(graph @step(%x: f32[B,20], %d: f32[B,30]) state(%w: f32[20,30] "w", %m: f32[20,30] "m") {
  %0: f32[20,30] = matmul %x, %d {transpose_a=true}
  %1: f32[20,30] = add %m, %0
  %2: f32[20,30] = sub %w, %1
  %3: f32[B,20] = matmul %d, %w {transpose_b=true}
  %4: f32[B,30] = matmul %x, %2
  update %w = %2, %m = %1
  return %3, %4, %w, %2
})");
  check(R"(graph @same() state(%a: f32[3] "a", %b: f32[3] "b") {
  %0: f32[3] = add %a, %b
  update %a = %0, %b = %0
  return %0, %0
})",
        {1});
}

}  // namespace
}  // namespace sluice
