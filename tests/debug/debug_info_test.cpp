// Debug information is valid for the code of every op, and changes no result.
#include <array>
#include <map>
#include <string_view>

#include "backend/compile.h"
#include "backend/object_cache.h"
#include "ir/random_arrays.h"
#include "passes/pass.h"
#include "sluice/ir/text.h"
#include "tests/backend/check_jit.h"
#include "tests/support/gradient_case.h"
#include "tests/support/op_cases.h"
#include "tests/support/scoped_variable.h"

using namespace sluice;

namespace {

backend::CompileOptions with_debug_info() {
  backend::CompileOptions options;
  options.debug_info = true;
  options.cache = std::nullopt;
  return options;
}

ir::Graph at_line(int line) {
  return ir::parse(fmt::format(
      "sluice-ir 1\ngraph @f(%x: f32[B]) {{\n  %0: f32[B] = exp %x loc(\"model.cpp\":{})\n  return %0\n}}", line));
}

}  // namespace

TEST_CASE("LLVM accepts the debug information of every op's code, and of its derivative's") {
  constexpr int kCasesOfOp = 2;
  std::map<ir::Op, int> seen;
  for (const test::OpCase& c : test::op_cases()) {
    if (seen[c.op]++ >= kCasesOfOp) continue;
    CAPTURE(c.name);
    ir::Builder b("case");
    b.set_results(c.build(b));
    CHECK_NOTHROW(backend::compile(std::move(b).finish(), with_debug_info()));
    if (const auto gradient = test::gradient_graph(c)) CHECK_NOTHROW(backend::compile(*gradient, with_debug_info()));
  }
}

TEST_CASE("with debug information the code computes the same") {
  const test::ScopedVariable flags("SLUICE_FLAGS", "--debug-info");
  const ir::Graph step = ir::parse(R"(sluice-ir 1
graph @f(%x: f32[B,40], %y: f32[B,33]) state(%w: f32[40,33] "w") {
  %0: f32[B,33] = matmul %x, %w
  %1: f32[B,33] = tanh %0
  %2: f32[B,33] = sub %1, %y
  %3: f32[B,33] = square %2
  %4: f32[B] = reduce_sum %3 {axes=[1]}
  %5: f32[] = reduce_sum %4 {axes=[0]}
  %6: f32[40,33] = gradient %5, %w
  %7: f32[40,33] = sub %w, %6
  update %w = %7
  return %5, %4
}
)");
  constexpr std::array<std::string_view, 1> kPasses{"differentiate"};
  test::check_jit(passes::run_passes(step, kPasses), {1, 3, 64}, 1e-4);
}

TEST_CASE("kernels of equal code have their own lines") {
  const ir::Graph twice = ir::parse(R"(sluice-ir 1
graph @f(%x: f32[4,4], %w: f32[4,4]) {
  %0: f32[4,4] = matmul %x, %w
  %1: f32[4,4] = matmul %0, %w
  return %1
}
)");
  const auto separate = backend::compile(twice, with_debug_info())->functions();
  REQUIRE(separate.size() == 2);
  CHECK((separate[0] != separate[1]));
}

TEST_CASE("the object cache tells debug information apart, and its lines") {
  const backend::Target target = backend::host_target();
  const auto key = [&](int line, bool debug_info) { return object_key(at_line(line), target, {}, debug_info); };
  CHECK(key(1, false) == key(2, false));
  CHECK(key(1, true) != key(1, false));
  CHECK(key(1, true) != key(2, true));
  CHECK(key(1, true) == key(1, true));
}
