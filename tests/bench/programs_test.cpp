// The programs of the benchmark, run as scripts/bench runs them, with the shortest turns.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>
#include <vector>

#include "tests/examples/run_example.h"

using namespace sluice;
using namespace sluice::test;

TEST_CASE("bench_compare prints a line for each case, with all times and losses") {
  const Outcome outcome = train(
      "--threads 2 --rounds 2 --turn-seconds 0.001 train:784-20-10:32 infer:784-20-10:3 forward:17-5:4 "
      "weight_gradient:17-5:4 input_gradient:17-5:4");
  REQUIRE(outcome.status == 0);
  const std::vector<std::string> lines = lines_of(outcome.out);
  REQUIRE(lines.size() == 5);
  for (const std::string& line : lines) {
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
  const auto training = nlohmann::json::parse(lines[0]);
  CHECK(training.at("operations") == 2 * 32 * (2 * (784 * 20 + 20 * 10) + 20 * 10));
  for (const auto& [name, entry] : training.at("contestants").items()) {
    CAPTURE(name);
    CHECK(entry.at("loss") > 0);
    CHECK(entry.at("loss") < 2.5);  // ln 10 is 2.303
  }
  CHECK(nlohmann::json::parse(lines[2]).at("operations") == 2 * 17 * 5 * 4);
}

TEST_CASE("a peer may be a process that answers each turn with a line") {
  const TemporaryFolder folder;
  const auto said = folder.path() / "arguments";
  const auto script =
      write_text(folder.path() / "peer", fmt::format("echo \"$@\" > '{}'\n"
                                                     "echo ready\n"
                                                     "while read calls repeats; do\n"
                                                     "  echo '{{\"seconds\": [4, 2, 3], \"value\": 7}}'\n"
                                                     "done\n",
                                                     said.string()));
  const std::string options = "--threads 1 --rounds 1 --turn-seconds 0.001 train:784-10:4";
  const Outcome outcome = train(fmt::format("--process \"other=sh '{}'\" train:784-10:8 {}", script.string(), options));
  REQUIRE(outcome.status == 0);
  const std::vector<std::string> lines = lines_of(outcome.out);
  REQUIRE(lines.size() == 2);
  const auto report = nlohmann::json::parse(lines[1]).at("contestants").at("other");
  CHECK(report == nlohmann::json{{"min", 2.0}, {"median", 3.0}, {"loss", 7.0}});
  CHECK(text_of(said) == fmt::format("train 784-10 4 1 {}\n", small_data().string()));

  for (const char* command : {"true", "/no/such/program"}) {
    CAPTURE(command);
    const Outcome ended = train(fmt::format("{} --process other={}", options, command));
    CHECK(ended.status == EXIT_FAILURE);
    CHECK(ended.err.ends_with("bench_compare: other: ended early\n"));  // after the shell's own message
  }
}

TEST_CASE("an impossible case is reported") {
  const auto message = [](const std::string& text) {
    const Outcome outcome = run(text);
    CHECK(outcome.status == EXIT_FAILURE);
    return outcome.err;
  };
  CHECK(message("train:784-10") == "bench_compare: train:784-10: expected KIND:SIZES:BATCH\n");
  CHECK(message("learn:784-10:1") == "bench_compare: learn:784-10:1: there is no kind \"learn\"\n");
  CHECK(message("train:78-10:1") == "bench_compare: train:78-10:1: expected sizes from 784 to 10\n");
  CHECK(message("forward:78:1") == "bench_compare: forward:78:1: expected two sizes\n");
  CHECK(message("forward:78-x:1") == "bench_compare: forward:78-x:1: expected a number, got \"x\"\n");
}

TEST_CASE("bench_first_step trains once") {
  const Outcome outcome = run_program(BENCH_FIRST_STEP, "", "SLUICE_CACHE_DIR=");
  REQUIRE(outcome.status == 0);
  const auto report = nlohmann::json::parse(outcome.out);
  CHECK(report.at("done") > report.at("compile"));
  CHECK(report.at("loss") == doctest::Approx(2.3).epsilon(0.1));  // for untrained weights: ln 10
}

#if defined(BENCH_KERNELS)
TEST_CASE("bench_kernels has all benchmarks that scripts/bench runs") {
  const Outcome outcome = run_program(BENCH_KERNELS, "--threads 1 --benchmark_list_tests");
  REQUIRE(outcome.status == 0);
  const std::vector<std::string> lines = lines_of(outcome.out);
  for (const char* name :
       {"fork_join", "barrier_x1000", "decode", "forward/784-700", "forward/700-500", "input_gradient/700-500",
        "weight_gradient/784-700", "weight_gradient/700-500", "weight_gradient_adam/784-700", "state_pass/784-700",
        "weight_gradient_adam/700-500", "state_pass/700-500"}) {
    CAPTURE(name);
    CHECK(std::ranges::find(lines, fmt::format("{}/real_time", name)) != lines.end());
  }
  const char* const filter = "--benchmark_filter='(decode|weight_gradient_adam/700-500|state_pass/700-500)'";
  CHECK(run_program(BENCH_KERNELS, fmt::format("--threads 2 --benchmark_min_time=0.001 {}", filter)).status == 0);
}
#endif
