// `sluice opt` as a user runs it.
#include <algorithm>
#include <regex>
#include <vector>

#include "passes/pass.h"
#include "sluice/ir/text.h"
#include "tests/tools/run_sluice.h"

using namespace sluice;
using namespace sluice::test;

namespace {

/// A folder with kStep in step.ir.
struct Work : TemporaryFolder {
  std::filesystem::path step = write_text(path() / "step.ir", kStep);

  Outcome opt(const std::string& options, const std::string& environment = "") const {
    return run_sluice(fmt::format("opt '{}' {}", step.string(), options), environment);
  }
};

/// kStep after `passes`.
std::string after(const std::vector<std::string_view>& passes) {
  return ir::print(passes::run_passes(ir::parse(kStep), passes));
}

std::vector<std::string> files_in(const std::filesystem::path& folder) {
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(folder)) files.push_back(entry.path().filename());
  std::ranges::sort(files);
  return files;
}

}  // namespace

TEST_CASE("opt prints the result of the passes, by default the pipeline") {
  const Work work;
  const Outcome all = work.opt("");
  CHECK(all.status == 0);
  CHECK(all.err.empty());
  CHECK(all.out == after({"differentiate", "canonicalize", "cse", "fuse"}));
  CHECK(work.opt("--passes=default").out == all.out);
  CHECK(work.opt("--passes=differentiate,cse").out == after({"differentiate", "cse"}));
  CHECK(run_sluice(fmt::format("opt --passes differentiate,cse '{}'", work.step.string())).out ==
        after({"differentiate", "cse"}));  // a list is one word, so FILE may come last
  const Outcome piped = run_sluice(fmt::format("opt - --passes=differentiate < '{}'", work.step.string()));
  CHECK(piped.out == after({"differentiate"}));
}

TEST_CASE("opt prints stages under a comment, and a single one parses") {
  const Work work;
  const Outcome one = work.opt("--print-after=differentiate");
  CHECK(one.out == "// step after differentiate\n" + after({"differentiate"}));
  CHECK(ir::print(ir::parse(one.out)) == after({"differentiate"}));
  CHECK(work.opt("--print-before=cse").out == "// step before cse\n" + after({"differentiate", "canonicalize"}));
  const Outcome all = work.opt("--passes=differentiate,fuse --print-after=all");
  CHECK(all.out == fmt::format("// step after traced\n{}// step after differentiate\n{}// step after fuse\n{}", kStep,
                               after({"differentiate"}), after({"differentiate", "fuse"})));
  const Outcome before = work.opt("--passes=differentiate,cse,fuse --print-before=all");
  CHECK(before.out == fmt::format("// step before differentiate\n{}// step before cse\n{}// step before fuse\n{}",
                                  kStep, after({"differentiate"}), after({"differentiate", "cse"})));
}

TEST_CASE("opt --locations prints the model's lines if the text has them, otherwise the text's") {
  const Work work;
  const Outcome located = run_sluice(fmt::format("opt - --passes=dce,dce --locations < '{}'", work.step.string()));
  CHECK(contains(located.out, " = matmul %x, %w loc(\"<stdin>\":4)\n"));
  const auto again = write_text(work.path() / "again.ir", located.out);
  CHECK(run_sluice(fmt::format("opt '{}' --passes=dce --locations", again.string())).out == located.out);
  const Outcome outcome = work.opt("--passes=differentiate --locations");
  CHECK(contains(outcome.out, "loc(gradient \"" + work.step.string() + "\":7)\n"));
  CHECK(ir::print(ir::parse(outcome.out)) == after({"differentiate"}));
}

TEST_CASE("opt --stats and --time-passes print comments") {
  const Work work;
  const Outcome outcome = work.opt("--stats --batch 10 --time-passes");
  CHECK(ir::print(ir::parse(outcome.out)) == after({"differentiate", "canonicalize", "cse", "fuse"}));
  const auto matches = [&](const char* pattern) { return std::regex_search(outcome.out, std::regex(pattern)); };
  INFO(outcome.out);
  CHECK(matches("// B = 10 +before +after\n"));
  CHECK(matches("// nodes +6 +\\d+\n"));
  CHECK(matches("// kernels +10 +[1-9]\n"));  // one kernel per node before fusion
  // The product of 10 rows, the difference, the square and the sum of 20 elements, and the update of 6 weights: 186.
  // The gradient is a product of the same size and two ops on 20 elements: 160.
  CHECK(matches("// flops +346 +\\d+\n"));
  for (const std::string_view pass : passes::default_pipeline())
    CHECK(matches(fmt::format("// time {} +\\d+\\.\\d+ ms +\\d+\\.\\d%\n", pass).c_str()));
  const Outcome quiet = work.opt("--stats --quiet");
  CHECK_FALSE(contains(quiet.out, "graph @"));
  CHECK(contains(quiet.out, "// kernels"));
}

TEST_CASE("opt --stats counts the bytes that each kernel reads and writes") {
  const TemporaryFolder folder;
  const auto file = write_text(folder.path() / "add.ir", R"(sluice-ir 1
graph @add(%x: f32[B,3], %y: f32[B,3]) {
  %0: f32[B,3] = add %x, %y
  %1: f32[B,3] = relu %0
  return %1
}
)");
  // A value is 10 x 3 floats, 120 bytes. The sum moves three and the relu two; fused, the intermediate one is not
  // moved.
  CHECK(run_sluice(fmt::format("opt '{}' --quiet --stats --batch 10", file.string())).out ==
        "// B = 10               before          after\n"
        "// nodes                     2              1\n"
        "// kernels                   2              1\n"
        "// flops                    60             60\n"
        "// bytes                   600            360\n");
}

TEST_CASE("opt --dump-dir writes every stage, down to the assembly") {
  const Work work;
  const auto dumps = work.path() / "dumps" / "here";
  const Outcome outcome = work.opt(fmt::format("--quiet --dump-dir '{}'", dumps.string()));
  CHECK(outcome.status == 0);
  CHECK(outcome.out.empty());
  CHECK(files_in(dumps) == std::vector<std::string>{"00-step-traced.ir", "01-step-differentiate.ir",
                                                    "02-step-canonicalize.ir", "03-step-cse.ir", "04-step-fuse.ir",
                                                    "05-step-plan.txt", "06-step-llvm.ll", "07-step-assembly.s"});
  const auto canonical = [&](const char* file) { return ir::print(ir::parse(text_of(dumps / file))); };
  CHECK(canonical("00-step-traced.ir") == kStep);
  CHECK(canonical("01-step-differentiate.ir") == after({"differentiate"}));
  CHECK(contains(text_of(dumps / "01-step-differentiate.ir"), "loc(gradient "));
  CHECK(contains(text_of(dumps / "05-step-plan.txt"), "plan @step"));
  CHECK(contains(text_of(dumps / "06-step-llvm.ll"), "define void @kernel_0("));
  CHECK(contains(text_of(dumps / "07-step-assembly.s"), "kernel_0:"));

  // Nodes that are not fused are kernels too; gradients are not.
  const auto plain = work.path() / "plain";
  CHECK(work.opt(fmt::format("--passes=differentiate --dump-dir '{}'", plain.string())).status == 0);
  CHECK(files_in(plain).size() == 5);
  const auto traced = work.path() / "traced";
  const Outcome nothing = work.opt(fmt::format("--passes=dce --quiet --dump-dir '{}'", traced.string()));
  CHECK(nothing.err == "sluice: @step still has a gradient, so there is no code to dump\n");
  CHECK(files_in(traced).size() == 2);
}

TEST_CASE("the environment does the same, and options override it") {
  const Work work;
  const auto dumps = work.path() / "environment";
  const auto option = work.path() / "option";
  const std::string environment = "SLUICE_FLAGS='--dump-dir=\"the dumps\" --time-passes --check-passes'";
  const std::string there = fmt::format("cd '{}'; {}", work.path().string(), environment);
  const Outcome outcome = work.opt("--quiet", there);
  CHECK(outcome.status == 0);
  CHECK(contains(outcome.out, "// time differentiate"));
  CHECK(files_in(work.path() / "the dumps").size() == 8);
  CHECK(work.opt(fmt::format("--quiet --dump-dir '{}'", option.string()),
                 fmt::format("SLUICE_FLAGS=--dump-dir=/dev/null/no"))
            .status == 0);
  CHECK(files_in(option).size() == 8);
}

TEST_CASE("SLUICE_LOG=pass has a line for each pass") {
  const Work work;
  const Outcome outcome = work.opt("--quiet --passes=differentiate,cse", "SLUICE_LOG=pass");
  CHECK(outcome.out.empty());
  const std::vector<std::string> lines = lines_of(outcome.err);
  REQUIRE(lines.size() == 2);
  CHECK(contains(lines[0], ": differentiate: "));
  CHECK(contains(lines[1], ": cse: "));
  CHECK(contains(lines[1], " nodes in "));
}

TEST_CASE("opt --check-passes accepts correct passes, and fails if it cannot decide") {
  const Work work;
  CHECK(work.opt("--check-passes").out == work.opt("").out);
  CHECK(work.opt("--check-passes --passes=dce").status == 0);
  const auto nan = write_text(work.path() / "nan.ir", R"(sluice-ir 1
graph @nan(%x: f32[4] {range=[-2,-1)}) {
  %0: f32[4] = log %x
  return %0
}
)");
  const Outcome outcome = run_sluice(fmt::format("opt '{}' --check-passes", nan.string()));
  CHECK(outcome.status == 1);
  CHECK(outcome.err.starts_with("sluice: pass check: @nan: traced: result 0: 4 of 4 elements are not finite\n"));
}

TEST_CASE("opt --list-passes lists all with a description") {
  const Outcome outcome = run_sluice("opt --list-passes");
  for (const passes::Pass& pass : passes::all_passes()) {
    CHECK(contains(outcome.out, fmt::format("{:16} {}\n", pass.name, pass.summary)));
  }
}

TEST_CASE("help shows examples") {
  const Outcome opt = run_sluice("opt --help");
  CHECK(opt.status == 0);
  CHECK(contains(opt.out, "sluice opt step.ir --print-after=all"));
  CHECK(contains(run_sluice("run --help").out, "--repeat 100"));
  CHECK(contains(run_sluice("--help").out, "SLUICE_FLAGS="));
}

TEST_CASE("errors are reported, and nothing is printed") {
  const Work work;
  struct Wrong {
    const char* options;
    const char* message;
  };
  for (const Wrong& wrong : {
           Wrong{"--passes=fues", "sluice: there is no pass 'fues'; did you mean 'fuse'?\n"},
           {"--print-after=fues", "sluice: --print-after: 'fues' is not a stage of this run; did you mean 'fuse'?\n"},
           {"--passes=dce --print-before=fuse", "sluice: --print-before: 'fuse' is not a stage of this run\n"},
           {"--dump-dir /dev/null/x", "sluice: /dev/null/x: cannot create the folder: Not a directory\n"},
           {"--passes=cse",
            "step.ir:8:18: pass 'cse': graph @step still has a `gradient` node; run 'differentiate' first\n"
            "  %4: f32[3,2] = gradient %3, %w\n"
            "                 ^\n"},
       }) {
    const Outcome outcome = work.opt(wrong.options);
    INFO(wrong.options, ": ", outcome.err);
    CHECK(outcome.status == 1);
    CHECK(outcome.out.empty());
    CHECK(outcome.err.ends_with(wrong.message));
  }
  CHECK(run_sluice("opt /no/such/file").err == "sluice: /no/such/file: cannot be read: No such file or directory\n");
  CHECK(work.opt("", "SLUICE_FLAGS=--time-pass").err ==
        "sluice: SLUICE_FLAGS: there is no flag '--time-pass'; did you mean '--time-passes'?\n");
  CHECK(run_sluice("opt").status != 0);
  CHECK(contains(run_sluice("otp x").err, "did you mean 'opt'?\n"));
  const Outcome option = work.opt("--print-aftr=fuse");
  CHECK(option.status != 0);
  CHECK(contains(option.err, "--print-aftr"));
  CHECK(contains(option.err, "did you mean '--print-after'?\n"));
  CHECK(run_sluice("opt - < /dev/null").err.starts_with("sluice: <stdin>:1:1: "));
}

TEST_CASE("a pass's error points to the text and names the model's line") {
  const TemporaryFolder folder;
  const auto file = write_text(folder.path() / "early.ir", R"(sluice-ir 1
graph @early(%x: f32[4]) {
  %0: f32[] = reduce_sum %x {axes=[0]}
  %1: f32[4] = gradient %0, %x loc("model.cpp":7)
  return %1
}
)");
  const Outcome outcome = run_sluice(fmt::format("opt '{}' --passes=fuse", file.string()));
  CHECK(outcome.status == 1);
  CHECK(
      outcome.err ==
      fmt::format("sluice: {}:4:16: pass 'fuse': graph @early still has a `gradient` node; run 'differentiate' first\n"
                  "  made at model.cpp:7\n"
                  "  %1: f32[4] = gradient %0, %x loc(\"model.cpp\":7)\n"
                  "               ^\n",
                  file.string()));
}

#ifdef MNIST_MLP
TEST_CASE("the guide's training step goes through opt") {
  const std::string step = training_step().string();
  const Outcome outcome = run_sluice(fmt::format("opt '{}' --stats --quiet", step));
  CHECK(outcome.status == 0);
  // Products alone are 553.6 MFLOP for a step of 128 images.
  std::smatch match;
  REQUIRE(std::regex_search(outcome.out, match, std::regex("// flops +\\d+ +(\\d+)\n")));
  const double flops = std::stod(match[1]);
  CHECK(flops > 553.6e6);
  CHECK(flops < 580e6);
}
#endif
