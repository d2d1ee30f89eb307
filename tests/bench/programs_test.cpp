// The programs of the benchmark as scripts/bench runs them, with the shortest of turns.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/wait.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <string>

#include "runtime/idx.h"
#include "runtime/mnist_files.h"
#include "runtime/synthetic_digits.h"
#include "tests/runtime/temporary_folder.h"

using namespace sluice;

namespace {

struct Outcome {
  int status = 0;
  std::vector<std::string> lines;
};

/// Runs `command`, words of the shell; its two streams count as one.
Outcome run(const std::string& command) {
  const TemporaryFolder folder;
  const auto out = folder.path() / "out";
  const int status = std::system(fmt::format("{} > '{}' 2>&1", command, out.string()).c_str());
  REQUIRE(WIFEXITED(status));
  Outcome outcome{WEXITSTATUS(status), {}};
  std::ifstream stream(out);
  for (std::string line; std::getline(stream, line);) outcome.lines.push_back(line);
  return outcome;
}

/// Digits in place of MNIST: 10,000 to validate, which is the split's number, and 128 to train.
void write_digits(const std::filesystem::path& folder) {
  const Dataset training = synthetic_digits(1, 0, 10128);
  const Dataset test = synthetic_digits(1, 60000, 10);
  write_idx(folder / kTrainImages, training.images);
  write_idx(folder / kTrainLabels, training.labels);
  write_idx(folder / kTestImages, test.images);
  write_idx(folder / kTestLabels, test.labels);
}

}  // namespace

TEST_CASE("bench_compare prints a line for each case, with everyone's times and losses") {
  const TemporaryFolder folder;
  write_digits(folder.path());
  const Outcome outcome =
      run(fmt::format("{} --threads 2 --rounds 2 --turn-seconds 0.001 --data '{}' train:784-20-10:32 infer:784-20-10:3 "
                      "forward:17-5:4 weight_gradient:17-5:4 input_gradient:17-5:4",
                      BENCH_COMPARE, folder.path().string()));
  REQUIRE(outcome.status == 0);
  REQUIRE(outcome.lines.size() == 5);
  for (const std::string& line : outcome.lines) {
    CAPTURE(line);
    const auto report = nlohmann::json::parse(line);
    CHECK(report.at("threads") == 2);
    CHECK(report.at("peak") > 0);
    CHECK(report.at("contestants").contains("sluice"));
    for (const auto& [name, entry] : report.at("contestants").items()) {
      CAPTURE(name);
      CHECK(entry.at("min") > 0);
      CHECK(entry.at("min") <= entry.at("median"));
    }
  }
  const auto training = nlohmann::json::parse(outcome.lines[0]);
  CHECK(training.at("operations") == 2 * 32 * (2 * (784 * 20 + 20 * 10) + 20 * 10));
  for (const auto& [name, entry] : training.at("contestants").items()) {
    CAPTURE(name);
    CHECK(entry.at("loss") > 0);
    CHECK(entry.at("loss") < 2.5);  // ln 10 is 2.303
  }
  CHECK(nlohmann::json::parse(outcome.lines[2]).at("operations") == 2 * 17 * 5 * 4);
}

TEST_CASE("a peer may be a process that answers each turn with a line") {
  const TemporaryFolder folder;
  write_digits(folder.path());
  const auto script = folder.path() / "peer";
  std::ofstream(script) << "echo \"$@\" > '" << (folder.path() / "arguments").string() << "'\n"
                        << "echo ready\n"
                        << "while read calls repeats; do echo '{\"seconds\": [4, 2, 3], \"value\": 7}'; done\n";
  const std::string command = fmt::format("{} --threads 1 --rounds 1 --turn-seconds 0.001 --data '{}' train:784-10:4",
                                          BENCH_COMPARE, folder.path().string());
  const Outcome outcome = run(fmt::format("{} --process \"other=sh '{}'\"", command, script.string()));
  REQUIRE(outcome.status == 0);
  const auto report = nlohmann::json::parse(outcome.lines.at(0)).at("contestants").at("other");
  CHECK(report == nlohmann::json{{"min", 2.0}, {"median", 3.0}, {"loss", 7.0}});
  std::string arguments;
  std::getline(std::ifstream(folder.path() / "arguments"), arguments);
  CHECK(arguments == fmt::format("train 784-10 4 1 {}", folder.path().string()));

  const Outcome early = run(fmt::format("{} --process other=true", command));
  CHECK(early.status == EXIT_FAILURE);
  CHECK(early.lines.at(0) == "bench_compare: other: ended early");
  const Outcome missing = run(fmt::format("{} --process other=/no/such/program", command));
  CHECK(missing.status == EXIT_FAILURE);
  CHECK(missing.lines.back() == "bench_compare: other: ended early");  // after what the shell has to say
}

TEST_CASE("a case that cannot be is told of") {
  const auto message = [](const std::string& text) {
    const Outcome outcome = run(fmt::format("{} {}", BENCH_COMPARE, text));
    CHECK(outcome.status == EXIT_FAILURE);
    REQUIRE(!outcome.lines.empty());
    return outcome.lines[0];
  };
  CHECK(message("train:784-10") == "bench_compare: train:784-10: expected KIND:SIZES:BATCH");
  CHECK(message("learn:784-10:1") == "bench_compare: learn:784-10:1: there is no kind \"learn\"");
  CHECK(message("train:78-10:1") == "bench_compare: train:78-10:1: expected sizes from 784 to 10");
  CHECK(message("forward:78:1") == "bench_compare: forward:78:1: expected two sizes");
  CHECK(message("forward:78-x:1") == "bench_compare: forward:78-x:1: expected a number, got \"x\"");
}

TEST_CASE("bench_first_step trains once") {
  const Outcome outcome = run(fmt::format("SLUICE_CACHE_DIR= {}", BENCH_FIRST_STEP));
  REQUIRE(outcome.status == 0);
  REQUIRE(outcome.lines.size() == 1);
  const auto report = nlohmann::json::parse(outcome.lines[0]);
  CHECK(report.at("done") > report.at("compile"));
  CHECK(report.at("loss") == doctest::Approx(2.3).epsilon(0.1));  // of weights that have learnt nothing: ln 10
}

#if defined(BENCH_KERNELS)
TEST_CASE("bench_kernels knows all that scripts/bench asks for") {
  const Outcome outcome = run(fmt::format("{} --threads 1 --benchmark_list_tests", BENCH_KERNELS));
  REQUIRE(outcome.status == 0);
  for (const char* name :
       {"fork_join", "barrier_x1000", "decode", "forward/784-700", "forward/700-500", "input_gradient/700-500",
        "weight_gradient/784-700", "weight_gradient/700-500", "weight_gradient_adam/784-700", "state_pass/784-700",
        "weight_gradient_adam/700-500", "state_pass/700-500"}) {
    CAPTURE(name);
    CHECK(std::ranges::find(outcome.lines, fmt::format("{}/real_time", name)) != outcome.lines.end());
  }
  CHECK(run(fmt::format("{} --threads 2 --benchmark_filter='(decode|weight_gradient_adam/700-500|state_pass/700-500)' "
                        "--benchmark_min_time=0.001",
                        BENCH_KERNELS))
            .status == 0);
}
#endif
