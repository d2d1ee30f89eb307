// `sluice check` and `sluice fuzz` as a user runs them.
#include <regex>

#include "passes/pass.h"
#include "sluice/ir/text.h"
#include "tests/tools/run_sluice.h"

using namespace sluice;
using namespace sluice::test;

namespace {

constexpr std::string_view kWrong = R"(sluice-ir 1
graph @wrong(%x: f32[B,40] loc("model.cpp":3), %y: f32[B,40] loc("model.cpp":3)) {
  %0: f32[B,40] = exp %x loc("model.cpp":5)
  %1: f32[B,40] = neg %0 loc("model.cpp":6)
  %2: f32[B,40] = log %1 loc("model.cpp":7)
  %3: f32[B,40] = add %2, %y loc("model.cpp":8)
  return %3
}
)";

constexpr std::string_view kMessage =
    "@wrong: traced: result 0: 40 of 40 elements are not finite\n"
    "  first at `log` f32[B,40] (model.cpp:7)\n"
    "  with B = 1, seed 5\n";

}  // namespace

#ifdef MNIST_MLP
TEST_CASE("a traced training step has the ranges of its inputs and the inits of its states") {
  const std::string text = text_of(training_step());
  CHECK(contains(text, "%labels: u8[B] {range=[0,10)}"));
  CHECK(contains(text, "\"dense_0/b\" {init=0}"));
  CHECK(contains(text, "\"adam_0/dense_0/w/m\" {init=0}"));
  CHECK(contains(text, "\"adam_0/dense_0/w/v\" {range=[0,1), init=0}"));
  CHECK(contains(text, "\"adam_0/beta_1_power\" {range=[0,1), init=1}"));
}

TEST_CASE("the guide's training step passes") {
  const Outcome outcome = run_sluice(fmt::format("check '{}'", training_step().string()));
  INFO(outcome.out, outcome.err);
  CHECK(outcome.status == 0);
  CHECK(outcome.out.starts_with("@train_step: no difference. "));
  CHECK(contains(outcome.out, " elements compared after every pass and in compiled code with 1, 2 and 3 threads, "));
  CHECK(contains(outcome.out, "4 gradients along 10 directions"));
}
#endif

TEST_CASE("a failure names the node and its model line, and can be reproduced from the written files") {
  const TemporaryFolder folder;
  const auto file = write_text(folder.path() / "wrong.ir", kWrong);
  const auto bundle = folder.path() / "bundle";
  const Outcome outcome =
      run_sluice(fmt::format("check '{}' --seed 5 --bundle '{}' --reduce", file.string(), bundle.string()));
  CHECK(outcome.status == 1);
  CHECK(outcome.out.starts_with(kMessage));
  const std::string reduced = outcome.out.substr(outcome.out.find("sluice-ir"));
  CHECK(text_of(bundle / "reduced.ir") == reduced);
  CHECK(ir::parse(reduced).nodes().size() == 2);
  CHECK(contains(reduced, "= log %"));
  CHECK(contains(reduced, " loc(\"model.cpp\":7)\n"));  // the lines of the model stay
  CHECK(std::regex_search(reduced, std::regex("f32\\[B,[1-9]\\] loc\\(\"model.cpp\":6\\)\\)")));
  for (const char* const name : {"input-0-x.npy", "input-1-y.npy", "replay.txt"})
    CHECK(std::filesystem::exists(bundle / name));
  CHECK(text_of(bundle / "graph.ir") == kWrong);
  const Outcome again =
      run_sluice("check graph.ir --batches 1 --seed 5 --states range", fmt::format("cd '{}';", bundle.string()));
  CHECK(contains(text_of(bundle / "replay.txt"), "sluice check graph.ir --batches 1 --seed 5 --states range\n"));
  CHECK(again.status == 1);
  CHECK(again.out.starts_with(kMessage));
}

TEST_CASE("check starts with states at their init on request") {
  const TemporaryFolder folder;
  const auto file = write_text(folder.path() / "first.ir", R"(sluice-ir 1
graph @first() state(%count: f32[] "count" {range=[1,2), init=0}) {
  %0: f32[] = log %count
  update %count = %0
  return
}
)");
  const std::string command = fmt::format("check '{}' --bundle '{}'", file.string(), (folder.path() / "b").string());
  CHECK(run_sluice(command + " --states range").status == 0);
  CHECK(run_sluice(command + " --states init")
            .out.starts_with("@first: traced: state %count: 1 of 1 elements are not finite\n  first at `log` f32[] ("));
  CHECK(run_sluice(command).status == 1);
  CHECK(contains(text_of(folder.path() / "b" / "replay.txt"), "--batches 17 --seed 4 --states init\n"));
  CHECK(contains(run_sluice(command + " --states rnge").err, "--states"));
}

TEST_CASE("fuzz reports what it has checked") {
  const Outcome outcome = run_sluice("fuzz --count 4 --seed 9 --jit-every 2");
  CHECK(outcome.status == 0);
  CHECK(outcome.err.empty());
  CHECK(std::regex_search(outcome.out,
                          std::regex("^4 graphs, 2 of them compiled; \\d+ elements compared, \\d+ undecided; "
                                     "\\d+ gradients; \\d+ drawn again; \\d+\\.\\d s\n$")));
}

TEST_CASE("fuzz writes a graph that fails, its inputs, and a small graph that still fails") {
  const TemporaryFolder folder;
  const auto bundle = folder.path() / "bundle";
  const Outcome outcome = run_program(
      FUZZ_WITH_BUG, fmt::format("fuzz --kind small --count 100 --jit-every 1000 --bundle '{}'", bundle.string()));
  INFO(outcome.out, outcome.err);
  CHECK(outcome.status == 1);
  CHECK(outcome.err.empty());
  const auto lines = lines_of(outcome.out);
  REQUIRE(lines.size() > 3);
  CHECK(contains(lines[0], " graphs, 1 of them compiled; "));
  CHECK(contains(lines[1], ": canonicalize: "));
  CHECK(contains(lines[2], "first at `sub` "));
  CHECK(contains(outcome.out, fmt::format("\nwritten to {}: the graph, ", bundle.string())));

  const std::string replay = text_of(bundle / "replay.txt");
  CHECK(contains(lines[1], lines_of(replay)[0]));
  CHECK(contains(replay, "\nsluice check graph.ir --batches "));
  CHECK(std::filesystem::exists(bundle / "input-0-x.npy"));
  const ir::Graph graph = ir::parse(text_of(bundle / "graph.ir"));
  const std::string reduced = text_of(bundle / "reduced.ir");
  CHECK(outcome.out.ends_with("\n" + reduced));
  CHECK_FALSE(contains(reduced, "loc("));  // there is no model with lines
  const ir::Graph small = ir::parse(reduced);
  CHECK(small.nodes().size() < graph.nodes().size());
  CHECK(small.nodes().size() < 5);
  CHECK(contains(ir::print(passes::find_pass("differentiate").run(small)), " = sub "));

  const auto other = folder.path() / "other";
  const Outcome whole = run_program(
      FUZZ_WITH_BUG,
      fmt::format("fuzz --kind small --count 100 --jit-every 1000 --no-reduce --bundle '{}'", other.string()));
  CHECK(whole.status == 1);
  CHECK_FALSE(contains(whole.out, "graph @"));
  CHECK_FALSE(std::filesystem::exists(other / "reduced.ir"));
  CHECK(text_of(other / "graph.ir") == text_of(bundle / "graph.ir"));
}

TEST_CASE("wrong arguments of check are reported") {
  CHECK(run_sluice("check /no/such/file").err == "sluice: /no/such/file: cannot be read: No such file or directory\n");
  CHECK(run_sluice("check /").err == "sluice: /: cannot be read: Is a directory\n");
  CHECK(contains(run_sluice("check - --batches 0 < /dev/null").err,
                 "--batches: expected a whole number from 1 to 1000000000, got '0'\n"));
  CHECK(contains(run_sluice("check - --batchs 3 < /dev/null").err, "did you mean '--batches'?\n"));
}
