#include "passes/pass.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <csignal>
#include <cstdio>

#include "passes/check.h"
#include "passes/rebuild.h"
#include "tests/support/run_program.h"

namespace {

using namespace sluice;
using ir::Op;
using ir::Value;

ir::Graph with_gradient() {
  ir::Builder b("f");
  const Value x = b.parameter("x", {DType::kF32, {}});
  const Value y = b(Op::kTanh, {x});
  b.set_results({b(Op::kGradient, {y, x})});
  return std::move(b).finish();
}

TEST_CASE("passes run in order and report each stage and time") {
  std::vector<std::string> stages;
  std::vector<std::string> timed;
  passes::PassOptions options;
  options.on_stage = [&](std::string_view stage, const ir::Graph&) { stages.emplace_back(stage); };
  options.on_time = [&](std::string_view pass, double seconds) {
    CHECK(seconds >= 0);
    timed.emplace_back(pass);
  };
  const std::array<std::string_view, 2> names{"dce", "differentiate"};
  const ir::Graph result = passes::run_passes(with_gradient(), names, options);
  CHECK(stages == std::vector<std::string>{"traced", "dce", "differentiate"});
  CHECK(timed == std::vector<std::string>{"dce", "differentiate"});
  for (const ir::Node& node : result.nodes()) CHECK(node.op != Op::kGradient);
}

TEST_CASE("an unknown pass is an error that names the nearest") {
  const std::array<std::string_view, 1> names{"diferentiate"};
  CHECK_THROWS_WITH_AS(passes::run_passes(with_gradient(), names), doctest::Contains("did you mean 'differentiate'"),
                       Error);
}

TEST_CASE("a pass that does not support `gradient` rejects it") {
  for (const passes::Pass& pass : passes::all_passes()) {
    if (pass.accepts_gradient) continue;
    const std::array<std::string_view, 1> names{pass.name};
    CHECK_THROWS_WITH_AS(passes::run_passes(with_gradient(), names), doctest::Contains("run 'differentiate' first"),
                         Error);
  }
}

// No Builder creates an invalid graph. An explicit instantiation may name a private member, which gives this test
// access.
template <auto Nodes>
struct Lend {
  friend std::vector<ir::Node>& nodes_of(ir::Graph& graph) { return graph.*Nodes; }
};
std::vector<ir::Node>& nodes_of(ir::Graph& graph);
template struct Lend<&ir::Graph::nodes_>;

/// `dce` with a bug: the last node has a different type than its op infers.
constexpr passes::Pass kBroken{"dce", "", [](const ir::Graph& graph) {
                                 ir::Graph result = passes::remove_dead(graph);
                                 nodes_of(result).back().types[0] = {DType::kI32, {}};
                                 return result;
                               }};

constexpr const char* kWhatIsBroken = "graph @f: %1: tanh has types that inference does not give";

/// Returns the standard error of a process that calls `run`, and whether it was aborted.
std::pair<std::string, bool> end_of(void (*run)()) {
  const TemporaryFolder folder;
  const std::string file = folder.path() / "stderr";
  const pid_t process = fork();
  REQUIRE(process >= 0);
  if (process == 0) {
    std::signal(SIGABRT, SIG_DFL);  // that of doctest would report a failure
    if (std::freopen(file.c_str(), "w", stderr) != nullptr) run();
    _exit(0);
  }
  int status = 0;
  REQUIRE(waitpid(process, &status, 0) == process);
  return {test::text_of(file), WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT};
}

ir::Graph with_tanh() {
  ir::Builder b("f");
  b.set_results({b(Op::kTanh, {b.parameter("x", {DType::kF32, {}})})});
  return std::move(b).finish();
}

TEST_CASE("a pass that creates an invalid graph is a bug, which is named") {
  const auto [message, aborted] = end_of([] {
    const std::array<passes::Pass, 2> broken{passes::find_pass("cse"), kBroken};
    passes::run_passes(with_tanh(), broken);
  });
  CHECK(aborted);
  CHECK_MESSAGE(test::contains(message, fmt::format("pass 'dce' made an invalid graph: {}", kWhatIsBroken)), message);
}

TEST_CASE("a check finds a pass that creates an invalid graph") {
  const passes::CheckReport report =
      passes::check_passes(with_tanh(), {.pipeline = {passes::find_pass("cse"), kBroken}});
  REQUIRE(report.difference);
  CHECK(report.difference->stage == "dce");
  CHECK(report.difference->what == fmt::format("invalid graph: {}", kWhatIsBroken));
}

TEST_CASE("every pass has a unique name, and the default pipeline's passes exist") {
  for (const passes::Pass& pass : passes::all_passes()) CHECK(&passes::find_pass(pass.name) == &pass);
  for (const std::string_view name : passes::default_pipeline()) CHECK(passes::find_pass(name).name == name);
  CHECK(passes::default_pipeline().front() == "differentiate");
}

TEST_CASE("dce drops what nothing reads and keeps the signature") {
  ir::Builder b("f");
  const Value w = b.state("w", "dense/w", {DType::kF32, {3}}, ir::Range{-2, 2});
  const Value dead = b(Op::kExp, {w});
  const Value x = b.parameter("x", {DType::kF32, {3}}, ir::Range{0, 5});
  const Value unused = b.parameter("unused", {DType::kF32, {}});
  const Value untouched = b.state("untouched", "dense/b", {DType::kF32, {}});
  b(Op::kNeg, {dead});
  const Value sum = b(Op::kAdd, {x, w});
  b.set_update(w, sum);
  b.set_results({b(Op::kTanh, {sum})});
  const ir::Graph before = std::move(b).finish();
  const ir::Graph after = passes::remove_dead(before);
  ir::verify(after);
  CHECK(unused.node != untouched.node);
  REQUIRE(after.nodes().size() == 6);
  REQUIRE(after.parameters().size() == 2);
  CHECK(after.parameters()[0].name == "x");
  CHECK(after.parameters()[0].range == ir::Range{0, 5});
  CHECK(after.parameters()[1].name == "unused");
  REQUIRE(after.states().size() == 2);
  CHECK(after.states()[0].variable == "dense/w");
  CHECK(after.states()[0].range == ir::Range{-2, 2});
  CHECK(after.node(*after.states()[0].update).op == Op::kAdd);
  CHECK_FALSE(after.states()[1].update.has_value());
  CHECK(after.node(after.results()[0]).op == Op::kTanh);
  CHECK(ir::equal_structure(after, passes::remove_dead(after)));
}

}  // namespace
