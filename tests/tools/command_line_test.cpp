// Tests how programs handle their command line: wrong words, files with several graphs, and the examples of --help.
#include "sluice/idx.h"
#include "sluice/image.h"
#include "sluice/ir/text.h"
#include "sluice/npy.h"
#include "sluice/picture.h"
#include "sluice/saved_model.h"
#include "sluice/synthetic_digits.h"
#include "tests/support/mnist_folder.h"
#include "tests/tools/run_sluice.h"

using namespace sluice;
using namespace sluice::test;

namespace {

constexpr std::string_view kLine = R"(sluice-ir 1
graph @line(%x: f32[B,3])
    state(%w: f32[3,1] "w") {
  %0: f32[B,1] = matmul %x, %w
  return %0
}
)";

constexpr std::string_view kWrong = R"(sluice-ir 1
graph @wrong(%x: f32[4]) {
  %0: f32[4] = epx %x
  return %0
}
)";

#ifdef MNIST_MLP
/// Returns the commands in the text of --help, without their descriptions.
std::vector<std::string> examples_in(const std::string& help) {
  std::vector<std::string> commands;
  for (const std::string& line : lines_of(help)) {
    if (!line.starts_with("  sluice ") && !line.starts_with("  mnist_mlp ")) continue;
    const std::string text = line.substr(2);
    commands.push_back(text.substr(0, text.find("   ")));
  }
  return commands;
}

/// Writes all files that the examples name.
void write_files(const std::filesystem::path& folder) {
  write_text(folder / "step.ir", kStep);
  write_npy(folder / "x.npy", Array(DType::kF32, {4, 3}));
  write_npy(folder / "w.npy", Array(DType::kF32, {3, 2}));
  write_saved_model(folder / "parabola", {ir::parse(kLine), {Array(DType::kF32, {3, 1})}, {"y"}});

  const Dataset test = synthetic_digits(1, 60000, 200);
  const auto mnist = folder / "mnist";
  write_mnist(mnist, synthetic_digits(1, 0, 11001), test);
  write_idx(folder / "t10k-images-idx3-ubyte.gz", test.input());  // uncompressed files are accepted too
  write_npy(folder / "images.npy", test.input());
  write_npy(folder / "labels.npy", test.target());
  const auto write_png = [&](const char* name, const Array& picture) {
    const std::vector<std::uint8_t> png = encode_png(picture);
    write_text(folder / name, {reinterpret_cast<const char*>(png.data()), png.size()});
  };
  write_png("three.png", picture_at(test.input(), 0));
  write_png("scan.png", inverted(picture_at(test.input(), 0)));  // ink on paper
  write_text(folder / "four.pgm", "P2 2 2 255 0 255 255 0");
  REQUIRE(run_program(MNIST_MLP, fmt::format("--data '{}' --epochs 0 --quiet --save '{}'", mnist.string(),
                                             (folder / "digits").string()))
              .status == 0);
}
#endif

}  // namespace

TEST_CASE("a wrong word on the command line is named, with what would be right") {
  struct Wrong {
    const char* arguments;
    const char* message;
    const char* command;
  };
  for (const Wrong& wrong : {
           Wrong{"explain x.ir --batch 0", "--batch: expected a whole number from 1 to 1000000000, got '0'",
                 "sluice explain"},
           {"explain x.ir --batch ten", "--batch: expected a whole number from 1 to 1000000000, got 'ten'",
            "sluice explain"},
           {"explain x.ir --batch 1.5", "--batch: expected a whole number from 1 to 1000000000, got '1.5'",
            "sluice explain"},
           {"run x.ir --threads 9999999999",
            "--threads: expected a whole number from 1 to 1000000000, got '9999999999'", "sluice run"},
           {"run x.ir --random -1", "--random: expected a whole number from 0 to 18446744073709551615, got '-1'",
            "sluice run"},
           {"check x.ir --batches 1,0", "--batches: expected a whole number from 1 to 1000000000, got '0'",
            "sluice check"},
           {"fuzz --count 0", "--count: expected a whole number from 1 to 1000000000, got '0'", "sluice fuzz"},
           {"fuzz --cuont 3", "unknown option '--cuont'; did you mean '--count'?", "sluice fuzz"},
           {"fuzz --cuont=3", "unknown option '--cuont'; did you mean '--count'?", "sluice fuzz"},
           {"fuzz 3", "unexpected argument '3'", "sluice fuzz"},
           {"fuzz --count", "--count: expected a value", "sluice fuzz"},
           {"opt --passes= x.ir", "--passes: expected a value", "sluice opt"},  // it does not take FILE for the passes
           {"run --output= --quiet x.ir", "--output: expected a value", "sluice run"},
           {"--graph= x.ir", "--graph: expected a value", "sluice"},
           {"fuzz --count 1 --count 2", "--count: expected once, got 2 times", "sluice fuzz"},
           {"sumary digits", "unknown command 'sumary'; did you mean 'summary'?", "sluice"},
           {"opt", "FILE is required", "sluice opt"},
           {"", "expected a command: check, fuzz, opt, run, explain, show, predict, evaluate, summary, export, compile",
            "sluice"},
       }) {
    const Outcome outcome = run_sluice(wrong.arguments);
    INFO(wrong.arguments);
    CHECK(outcome.status == 2);
    CHECK(outcome.out.empty());
    CHECK(outcome.err == fmt::format("sluice: {}\n`{} --help` lists its options.\n", wrong.message, wrong.command));
  }
}

TEST_CASE("every command checks the environment first") {
  for (const char* const arguments : {"check x.ir", "fuzz", "opt x.ir", "run x.ir", "explain x.ir", "show x.ir",
                                      "predict x x.png", "evaluate x", "summary x", "export x --onnx x"}) {
    const Outcome variable = run_sluice(arguments, "SLUICE_LOG=jitt");
    CHECK(variable.status == 1);
    CHECK(variable.out.empty());
    CHECK(variable.err == "sluice: SLUICE_LOG: there is no topic 'jitt'; did you mean 'jit'?\n");
  }
  const Outcome warned = run_sluice("opt x.ir", "SLUICE_NUM_THREAD=2");
  CHECK(
      warned.err.starts_with("sluice: warning: environment: nothing reads the variable 'SLUICE_NUM_THREAD'; did you "
                             "mean 'SLUICE_NUM_THREADS'?\nsluice: x.ir: "));
  CHECK(run_sluice("--help", "SLUICE_NUM_THREAD=2").status == 0);
}

TEST_CASE("counts of one use the singular") {
  const TemporaryFolder folder;
  const auto file = write_text(folder.path() / "line.ir", kLine);
  const auto output = [&](const char* command) {
    return run_sluice(fmt::format("{} '{}'", command, file.string()), "SLUICE_NUM_THREADS=1").out;
  };
  const std::string explained = output("explain");
  CHECK(explained.starts_with("@line with B = 128: 1 kernel, "));
  CHECK(contains(explained, " for 1 thread: "));
  CHECK(contains(explained, " for each of 1 thread\n"));
  CHECK(contains(output("run --random 1 --quiet --repeat 1"), "1 call: min "));
  CHECK(contains(output("run --random 1 --quiet --repeat 2"), "2 calls: min "));
  CHECK(run_sluice("fuzz --count 1").out.starts_with("1 graph, 1 of them compiled; "));
}

TEST_CASE("--graph selects one of several graphs, and errors keep the file's line numbers") {
  const TemporaryFolder folder;
  const auto both = write_text(folder.path() / "both.ir", fmt::format("// step after traced\n{}\n{}", kStep, kLine));
  const auto opt = [&](const std::string& options) {
    return run_sluice(fmt::format("opt '{}' --passes=dce {}", both.string(), options));
  };
  CHECK(opt("--graph step").out == kStep);
  CHECK(opt("--graph line").out == kLine);
  CHECK(opt("").err ==
        fmt::format("sluice: {}: there are several graphs, step, line: select one with --graph NAME\n", both.string()));
  CHECK(
      opt("--graph lien").err ==
      fmt::format("sluice: {}: there is no graph 'lien'; did you mean 'line'?; there is step, line\n", both.string()));
  for (const char* const command : {"run", "explain", "check --no-jit"})
    CHECK(run_sluice(fmt::format("{} '{}' --graph line", command, both.string())).status == 0);

  // The stages of one graph: the traced one is selected.
  const Outcome all = run_sluice(fmt::format("opt '{}' --graph step --print-after=all", both.string()));
  const auto stages = write_text(folder.path() / "stages.ir", all.out);
  CHECK(run_sluice(fmt::format("opt - --passes=dce < '{}'", stages.string())).out == kStep);

  const auto wrong = write_text(folder.path() / "wrong.ir", fmt::format("{}{}", kLine, kWrong));
  const Outcome outcome = run_sluice(fmt::format("opt '{}' --graph wrong", wrong.string()));
  CHECK(contains(outcome.err, "wrong.ir:9:16: unknown op 'epx'; did you mean 'exp'?\n  %0: f32[4] = epx %x\n"));
  CHECK(run_sluice(fmt::format("opt '{}' --graph line --passes=dce", wrong.string())).out == kLine);
}

TEST_CASE("a folder is not a graph") {
  const TemporaryFolder folder;
  for (const char* const command : {"opt", "explain", "show", "check"})
    CHECK(run_sluice(fmt::format("{} '{}'", command, folder.path().string())).err ==
          fmt::format("sluice: {}: cannot be read: Is a directory\n", folder.path().string()));
}

#ifdef MNIST_MLP
TEST_CASE("the examples in --help run") {
  const TemporaryFolder folder;
  write_files(folder.path());
  const std::filesystem::path programs = std::filesystem::path(SLUICE_PROGRAM).parent_path();
  const bool has_dot = std::system("command -v dot > /dev/null") == 0;
  for (const char* const command : {"check", "fuzz", "opt", "run", "explain", "show", "predict", "evaluate", "summary", "compile",
#ifdef SLUICE_HAS_ONNX
                                    "export"
#endif
       }) {
    const std::vector<std::string> examples = examples_in(run_sluice(std::string(command) + " --help").out);
    CHECK_MESSAGE(!examples.empty(), command);
    for (std::string example : examples) {
      if (const std::size_t pipe = example.find(" | dot"); pipe != std::string::npos && !has_dot) example.resize(pipe);
      const auto script = write_text(folder.path() / "script", "set -eo pipefail\n" + example + "\n");
      const Outcome outcome = run_program("/bin/bash", fmt::format("'{}'", script.string()),
                                          fmt::format("cd '{}'; export SLUICE_DATA_DIR=mnist PATH='{}':\"$PATH\";",
                                                      folder.path().string(), programs.string()));
      INFO(example, "\n", outcome.err);
      CHECK(outcome.status == 0);
      CHECK(outcome.err.empty());
    }
  }
}
#endif

TEST_CASE("a closed or full stdout or stderr is exit status 1, and nothing else is lost") {
  const TemporaryFolder folder;
  const std::string file = write_text(folder.path() / "g.ir", kStep).string();
  /// The exit status of the shell's command, with `sluice` for the program; 134 would be an abort.
  const auto status_of = [&](const std::string& command) {
    const Outcome outcome = run_program("bash", fmt::format("-c \"cd '{}'; sluice() {{ '{}' \\\"\\$@\\\"; }}; {}\"",
                                                            folder.path().string(), SLUICE_PROGRAM, command));
    return outcome.status;
  };
  for (const char* const to : {">&-", ">/dev/full"}) {
    CAPTURE(to);
    CHECK(status_of(fmt::format("sluice run g.ir {}", to)) == 1);
    CHECK(status_of(fmt::format("sluice opt g.ir --print-after=all {}", to)) == 1);
    CHECK(status_of(fmt::format("sluice explain g.ir {}", to)) == 1);
    CHECK(status_of(fmt::format("sluice show g.ir --dot {}", to)) == 1);
    CHECK(status_of(fmt::format("sluice run g.ir --output out {}", to)) == 1);
    CHECK(std::filesystem::exists(folder.path() / "out" / "result-0.npy"));
    CHECK(std::filesystem::exists(folder.path() / "out" / "w.npy"));
    std::filesystem::remove_all(folder.path() / "out");
    CHECK(status_of(fmt::format("sluice --help {}", to)) == 1);
    CHECK(status_of(fmt::format("sluice run none.ir {} 2>&-", to)) == 1);
  }
  for (const char* const to : {"2>&-", "2>/dev/full"}) {
    CAPTURE(to);
    CHECK(status_of(fmt::format("sluice run none.ir {}", to)) == 1);
    CHECK(status_of(fmt::format("sluice run g.ir --frob {}", to)) == 2);
    CHECK(status_of(
              fmt::format("export SLUICE_LOG=trace,pass,jit SLUICE_FLAGS=--time-passes; sluice run g.ir {}", to)) == 0);
  }
  CHECK(status_of("sluice show g.ir -o /dev/full") == 1);
}
