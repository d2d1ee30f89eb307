#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "backend/target.h"
#include "ir/reference/interpreter.h"
#include "passes/rebuild.h"
#include "passes/rewrite.h"
#include "sluice/error.h"
#include "sluice/ir/text.h"
#include "sluice/npy.h"
#include "tests/passes/mlp_graph.h"
#include "tools/check/bundle.h"
#include "tools/check/engine_check.h"
#include "tools/check/fuzz.h"
#include "tools/check/reduce.h"

namespace {

using namespace sluice;

ir::Graph graph_of(const std::string& body, const std::string& inputs = "%x: f32[B,8]") {
  return ir::parse("sluice-ir 1\ngraph @g(" + inputs + ") {\n" + body + "}\n", "model.ir");
}

passes::CheckReport check(const ir::Graph& graph) { return tools::check_graph(graph); }

TEST_CASE("results that are not finite fail instead of passing silently") {
  const auto report =
      check(graph_of("  %0: f32[B,8] = exp %x\n  %1: f32[B,8] = neg %0 loc(\"model.cpp\":7)\n  %2: f32[B,8] = log %1 "
                     "loc(\"model.cpp\":8)\n  %3: f32[B,8] = add %2, %x\n  return %3\n"));
  REQUIRE(report.difference);
  CHECK(passes::to_string(*report.difference) ==
        "traced: result 0: 8 of 8 elements are not finite\n  first at `log` f32[B,8] (model.cpp:8)\n  with B = 1, seed "
        "1");
}

TEST_CASE("non-finite gradients fail, even if no result shows them") {
  const ir::Graph graph = ir::parse(R"(sluice-ir 1
graph @hidden() state(%w: f32[8] "w") {
  %0: f32[8] = sub %w, %w
  %1: f32[8] = log %0
  %2: f32[] = reduce_sum %1 {axes=[0]}
  %3: f32[8] = gradient %2, %w
  %4: bool[8] = not_equal %3, %3
  return %4
}
)",
                                    "model.ir");
  const auto report = tools::check_graph(graph, {});
  REQUIRE(report.difference);
  CHECK(passes::to_string(*report.difference)
            .starts_with("traced: the gradient by `state` f32[8] (model.ir:2): 8 of 8 elements are not finite\n  first "
                         "at `gradient` "
                         "f32[8] (model.ir:6)"));
}

TEST_CASE("up to one element in a hundred may be non-finite") {
  for (const int count : {50, 100}) {
    std::string divisors = "0";
    for (int i = 1; i < count; ++i) divisors += ", 1";
    const ir::Graph graph = ir::parse(fmt::format(R"(sluice-ir 1
graph @quotient(%x: f32[{0}] {{range=[1,2)}}) {{
  %0: f32[{0}] = constant {{value=[{1}]}}
  %1: f32[{0}] = div %x, %0
  return %1
}}
)",
                                                  count, divisors));
    const auto report = tools::check_graph(graph, {});
    CAPTURE(count);
    CHECK(report.difference.has_value() == (count < 100));
    if (report.difference) CHECK(report.difference->what == "result 0: 1 of 50 elements are not finite");
    if (!report.difference) CHECK(report.not_finite == 3);  // one for each batch size
  }
}

TEST_CASE("elements that depend on a decision between nearly equal floats are undecided") {
  // tanh(x) and its value by exponentials differ only by rounding.
  const std::string body = R"(  %0: f32[B,8] = add %x, %x
  %1: f32[B,8] = exp %0
  %2: f32[] = constant {value=1}
  %3: f32[B,8] = broadcast %2 {shape=[B,8]}
  %4: f32[B,8] = sub %1, %3
  %5: f32[B,8] = add %1, %3
  %6: f32[B,8] = div %4, %5
  %7: f32[B,8] = tanh %x
  %8: bool[B,8] = greater %6, %7
  %9: f32[B,8] = cast %8 {dtype=f32}
  return %9
)";
  const auto report = check(graph_of(body));
  REQUIRE(report.difference);
  CHECK(report.difference->what.find("elements are undecided") != std::string::npos);
}

TEST_CASE("a comparison behind a float that overflows, where a double does not, is undecided") {
  const std::string body = R"(  %0: f32[] = constant {value=1e30}
  %1: f32[B,8] = broadcast %0 {shape=[B,8]}
  %2: f32[B,8] = mul %1, %1
  %3: f32[B,8] = sub %2, %2
  %4: f32[B,8] = mul %3, %x
  %5: bool[B,8] = greater_equal %4, %3
  %6: f32[B,8] = cast %5 {dtype=f32}
  return %6
)";
  const auto report = check(graph_of(body));
  REQUIRE(report.difference);
  CHECK(report.difference->what.find("8 of 8 elements are undecided") != std::string::npos);
}

TEST_CASE("an exact tie is decided") {
  const std::string body = R"(  %0: f32[B] = reduce_max %x {axes=[1]}
  %1: f32[B,1] = reshape %0 {shape=[B,1]}
  %2: f32[B,8] = broadcast %1 {shape=[B,8]}
  %3: bool[B,8] = equal %x, %2
  %4: f32[B,8] = cast %3 {dtype=f32}
  %5: f32[B,8] = relu %x
  %6: f32[B,8] = sign %5
  return %4, %6
)";
  const auto report = check(graph_of(body));
  CHECK(!report.difference);
  CHECK(report.undecided == 0);
  CHECK(report.elements == 2 * 8 * (1 + 3 + 17));
}

TEST_CASE("gradients of gradients are checked along every variable") {
  const std::string body = R"(  %0: f32[B,8] = tanh %x
  %1: f32[B,8] = mul %0, %x
  %2: f32[] = reduce_sum %1 {axes=[0,1]}
  %3: f32[B,8], %4: f32[B,8] = gradient %2, %x, %0
  %5: f32[B,8] = mul %3, %4
  %6: f32[] = reduce_sum %5 {axes=[0,1]}
  %7: f32[B,8] = gradient %6, %x
  return %7
)";
  const auto report = check(graph_of(body));
  REQUIRE_MESSAGE(!report.difference, passes::to_string(*report.difference));
  CHECK(report.gradients == 2 * 3);
}

TEST_CASE("a training step passes, with Adam and a ragged batch") {
  const auto report = check(test::mlp_train_step({6, 5, 3}));
  REQUIRE_MESSAGE(!report.difference, passes::to_string(*report.difference));
  CHECK(report.elements > 3 * 200);
  CHECK(report.not_finite == 0);
}

TEST_CASE("samples stay in their ranges and depend only on the seed") {
  const ir::Graph graph = graph_of("  return %x, %t\n", "%x: f32[B] {range=[2,3)}, %t: i32[B] {range=[0,10)}");
  const passes::Sample sample = passes::make_sample(graph, 100, 5);
  for (const float x : sample.inputs[0].data<float>()) CHECK((x >= 2 && x < 3));
  for (const std::int32_t t : sample.inputs[1].data<std::int32_t>()) CHECK((t >= 0 && t < 10));
  CHECK(passes::make_sample(graph, 100, 5).inputs == sample.inputs);
}

constexpr std::string_view kFirstStep = R"(sluice-ir 1
graph @f(%x: f32[B,2]) state(%w: f32[2] "w", %v: f32[2] "v" {range=[2,3), init=0}) {
  %0: f32[2] = div %w, %v
  update %v = %0
  return %x
}
)";

TEST_CASE("states start within their ranges or at their init") {
  const ir::Graph graph = ir::parse(kFirstStep);
  const passes::Sample within = passes::make_sample(graph, 1, 5);
  for (const float v : within.states[1].data<float>()) CHECK((v >= 2 && v < 3));
  const passes::Sample at_init = passes::make_sample(graph, 1, 5, StatesAt::kInit);
  CHECK(at_init.states[1] == Array(DType::kF32, {2}));
  for (const float w : at_init.states[0].data<float>()) CHECK(std::abs(w) <= 0.1F);
  CHECK(at_init.inputs == within.inputs);
}

TEST_CASE("states with an init and no range have values reachable from it") {
  // A user's own optimizer: v is the mean of squares, t counts steps from 1.
  const ir::Graph graph = ir::parse(R"(sluice-ir 1
graph @f(%x: f32[B,2]) state(%w: f32[2] "w", %v: f32[2] "v" {init=0}, %t: f32[] "t" {init=1}) {
  %0: f32[B,2] = broadcast %w {shape=[B,2]}
  %1: f32[B,2] = mul %0, %x
  %2: f32[B,2] = square %1
  %3: f32[] = reduce_sum %2 {axes=[0,1]}
  %4: f32[2] = gradient %3, %w
  %5: f32[2] = square %4
  %6: f32[2] = constant {value=[0.9, 0.9]}
  %7: f32[2] = mul %v, %6
  %8: f32[2] = add %7, %5
  %9: f32[2] = sqrt %8
  %10: f32[2] = constant {value=[0.1, 0.1]}
  %11: f32[2] = add %9, %10
  %12: f32[2] = div %4, %11
  %13: f32[2] = sub %w, %12
  %14: f32[] = constant {value=1}
  %15: f32[] = add %t, %14
  %16: f32[] = log %t
  update %w = %13, %v = %8, %t = %15
  return %3, %16
}
)");
  const passes::Sample sample = passes::make_sample(graph, 3, 5);
  for (const float v : sample.states[1].data<float>()) CHECK(v > 0);
  CHECK(sample.states[2].item<float>() == 3);
  CHECK(passes::make_sample(graph, 3, 5).states == sample.states);
  const auto report = check(graph);
  REQUIRE_MESSAGE(!report.difference, passes::to_string(*report.difference));
  CHECK(report.not_finite == 0);
}

TEST_CASE("one sample of a check is the first step") {
  const auto report = check(ir::parse(kFirstStep, "model.ir"));
  REQUIRE(report.difference);
  CHECK(passes::to_string(*report.difference) ==
        "traced: state %v: 2 of 2 elements are not finite\n  first at `div` f32[2] (model.ir:3)\n  with B = 17, seed "
        "4, states at their init");
  CHECK(!tools::check_graph(ir::parse(kFirstStep), {.passes = {.states_at = StatesAt::kRange}}).difference);
  const auto only = tools::check_graph(ir::parse(kFirstStep), {.passes = {.states_at = StatesAt::kInit}});
  REQUIRE(only.difference);
  CHECK(only.difference->sample.seed == 1);
}

bool has_op(const ir::Graph& graph, ir::Op op) {
  return std::ranges::any_of(graph.nodes(), [&](const ir::Node& node) { return node.op == op; });
}

TEST_CASE("reduce leaves little more than the failure") {
  const std::string body = R"(  %0: f32[B,8] = exp %x
  %1: f32[B,8] = tanh %0
  %2: f32[B] = reduce_sum %1 {axes=[1]}
  %3: f32[B,8] = floor %1
  %4: f32[B,8] = add %3, %0
  %5: f32[B,8] = mul %4, %x
  return %2, %5
)";
  const ir::Graph small = tools::reduce(graph_of(body), [](const ir::Graph& g) { return has_op(g, ir::Op::kFloor); });
  CHECK(small.results().size() == 1);
  CHECK(small.parameters().size() == 1);
  CHECK(small.nodes().size() == 2);
  CHECK(has_op(small, ir::Op::kFloor));
}

TEST_CASE("reduce drops inputs that nothing reads one by one") {
  const ir::Graph graph = graph_of("  return %e\n", "%a: f32[], %b: f32[B], %c: f32[], %d: f32[], %e: f32[]");
  // It fails because of B, which one of the unused inputs provides.
  const ir::Graph small = tools::reduce(graph, [](const ir::Graph& g) { return ir::has_batch(g); });
  REQUIRE(small.parameters().size() == 2);
  CHECK(small.parameters()[0].name == "b");
  CHECK(small.parameters()[1].name == "e");
}

TEST_CASE("a bundle has the graph, the inputs and a command to reproduce the failure") {
  const ir::Graph graph = graph_of("  %0: f32[B,8] = log %\"x/1\"\n  return %0\n", "%\"x/1\": f32[B,8]");
  const auto report = check(graph);
  REQUIRE(report.difference);
  const auto folder = std::filesystem::temp_directory_path() / "sluice-check-test-bundle";
  std::filesystem::remove_all(folder);
  tools::write_bundle(folder, graph, *report.difference);
  const auto read = [&](std::string_view name) {
    std::ifstream stream(folder / name, std::ios::binary);
    return std::string{std::istreambuf_iterator<char>(stream), {}};
  };
  CHECK(read("graph.ir") == ir::print(graph, {.locations = true}));
  const std::string replay = read("replay.txt");
  CAPTURE(replay);
  CHECK(replay.starts_with(passes::to_string(*report.difference) +
                           "\n\nsluice check graph.ir --batches 1 --seed 1 --states range\n\n"));
  const backend::Target target = backend::host_target();
  CHECK(replay.find(fmt::format("\nsluice {}, text version {}, LLVM {}, built by ", SLUICE_VERSION, ir::kTextVersion,
                                SLUICE_LLVM_VERSION)) != std::string::npos);
  CHECK(replay.ends_with(fmt::format("\n{}, {}\n", target.cpu, target.features)));
  CHECK(read_npy(folder / "input-0-x_1.npy") == report.difference->sample.inputs[0]);
  std::filesystem::remove_all(folder);
}

TEST_CASE("fuzz counts its checks") {
  const tools::FuzzReport report = tools::fuzz({.count = 6, .seed = 40, .jit_every = 3});
  CHECK(!report.difference);
  CHECK(report.graphs == 6);
  CHECK(report.compiled == 2);
  CHECK(report.elements > 100);
  CHECK(report.gradients > 0);
}

}  // namespace
