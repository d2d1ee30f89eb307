// The features that mnist_trainer has beyond mnist_mlp: schedules, clipping, early stopping, checkpoints, event files,
// JSON lines.
#include <doctest/doctest.h>

#include <csignal>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>

#include "tests/examples/run_example.h"
#include "tests/support/running_program.h"
#include "tests/support/skip.h"

using namespace sluice;
using namespace sluice::test;

namespace {

/// Like train, with machine code cached from one call to the next.
Outcome train_again(const std::string& arguments) {
  static const TemporaryFolder cache;
  return run(fmt::format("--data '{}' {}", small_data().string(), arguments),
             fmt::format("SLUICE_CACHE_DIR='{}'", cache.path().string()));
}

}  // namespace

TEST_CASE("it trains the same weights as mnist_mlp, bit for bit") {
  const std::string arguments = fmt::format("--data '{}' --epochs 2 --quiet --hash", small_data().string());
  const Outcome trainer = run(arguments);
  CHECK(contains(trainer.out, "Weights hash: "));
  CHECK(trainer.out == run_program(MNIST_MLP, arguments).out);
}

TEST_CASE("scripts/train-mnist --help prints the program's help without a build") {
  const std::filesystem::path kept = MNIST_TRAINER_HELP;
  const Outcome help = run("--help");
  if (std::getenv("SLUICE_UPDATE_TESTS") != nullptr) write_text(kept, help.out);
  CHECK_MESSAGE(text_of(kept) == help.out, "with SLUICE_UPDATE_TESTS=1 this writes it anew");
  CHECK(run_program(TRAIN_MNIST, "--epochs 1 --help").out == help.out);
}

TEST_CASE("a rate that is not a number above 0 is an error") {
  for (const char* const rate : {"0", "-1", "inf", "fast", "1e-3x"})
    CHECK(contains(run(fmt::format("--learning-rate {}", rate)).err,
                   fmt::format("mnist_trainer: --learning-rate: expected a number above 0, got '{}'\n", rate)));
}

TEST_CASE("--json prints a line for each epoch and one for the test") {
  const Outcome outcome = train("--epochs 2 --json --schedule step --warm-up 1");
  CHECK(outcome.status == 0);
  CHECK(outcome.err.empty());
  const auto lines = lines_of(outcome.out);
  REQUIRE(lines.size() == 3);
  for (std::size_t i = 0; i < 2; ++i) {
    const auto epoch = nlohmann::json::parse(lines[i]);
    CHECK(epoch["epoch"] == i);
    for (const char* const set : {"training", "validation"}) {
      CHECK(epoch[set]["loss"] > 0);
      CHECK(epoch[set]["accuracy"] > 0);
      CHECK(epoch[set]["accuracy"] <= 1);
    }
    CHECK(epoch["seconds"] > 0);
    CHECK(epoch["examples_per_second"] > 0);
    // Of 12 steps after one warm-up step, the rate falls to a tenth after every four.
    CHECK(epoch["learning_rate"].get<double>() == doctest::Approx(i == 0 ? 1e-4 : 1e-5));
  }
  const auto test = nlohmann::json::parse(lines[2]);
  CHECK(test["test"]["loss"] > 0);
  CHECK(test["test"]["accuracy"] > 0.5);
  const auto quiet = lines_of(train("--epochs 1 --json --quiet --hash").out);
  REQUIRE(quiet.size() == 2);
  CHECK(nlohmann::json::parse(quiet[0]).contains("test"));
  CHECK(nlohmann::json::parse(quiet[1])["weights_hash"].get<std::string>().size() == 16);
}

TEST_CASE("training options change what it learns") {
  const auto hash = [](const std::string& options) {
    const Outcome outcome = train_again("--epochs 1 --quiet --hash " + options);
    CHECK(outcome.status == 0);
    return lines_of(outcome.out).at(1);
  };
  const std::string plain = hash("");
  CHECK(hash("--clip-norm 1000000") == plain);
  for (const char* const options :
       {"--learning-rate 0.002", "--schedule step", "--schedule cosine", "--warm-up 3", "--clip-norm 0.01"}) {
    CHECK_MESSAGE(hash(options) != plain, options);
  }
}

TEST_CASE("--patience ends training that no longer improves") {
  const Outcome outcome = train_again("--epochs 50 --patience 1 --learning-rate 0.05 --json");
  CHECK(outcome.status == 0);
  CHECK(lines_of(outcome.out).size() < 50);
  CHECK(contains(outcome.err, "ended early"));
}

TEST_CASE("--resume continues after Ctrl-C, SIGTERM or SIGHUP to the same weights") {
  int number = 0;
  SUBCASE("Ctrl-C") { number = SIGINT; }
  SUBCASE("SIGTERM") { number = SIGTERM; }
  SUBCASE("SIGHUP") { number = SIGHUP; }
  const std::string expected = train_again("--epochs 4 --quiet --hash").out;
  const TemporaryFolder folder;
  int status = 0;
  for (int attempt = 0; attempt < 5 && status == 0; ++attempt) {  // it may finish before the signal arrives
    std::filesystem::remove(folder.path() / "checkpoint.safetensors");
    RunningProgram program({SLUICE_PROGRAM, "--data", small_data().string(), "--epochs", "4", "--checkpoint",
                            folder.path().string(), "--checkpoint-steps", "2"});
    program.await("Epoch: 0");
    program.send(number);
    status = program.wait();
  }
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 128 + number);
  const std::string options = fmt::format("--epochs 4 --quiet --hash --checkpoint '{}'", folder.path().string());
  const Outcome again = train_again(options);
  CHECK(again.status == EXIT_FAILURE);
  CHECK(contains(again.err, "already exists and would be overwritten"));
  const Outcome other = train_again(options + " --resume --seed 2");
  CHECK(other.status == EXIT_FAILURE);
  CHECK(contains(other.err, "comes from a run with seed 1, got 2"));
  const Outcome resumed = train_again(options + " --resume");
  CHECK(resumed.out == expected);
  CHECK(resumed.err.empty());
  std::filesystem::remove(folder.path() / "checkpoint.safetensors");
  const Outcome anew = train_again(options + " --resume");
  CHECK(anew.out == expected);
  CHECK(contains(anew.err, "begins anew"));
}

TEST_CASE("--check-numerics changes no weights, and ends training on overflow") {
  CHECK(train_again("--epochs 1 --quiet --hash --check-numerics").out == train_again("--epochs 1 --quiet --hash").out);
  const Outcome outcome = train_again("--epochs 1 --quiet --check-numerics --learning-rate 1e37");
  CHECK(outcome.status == EXIT_FAILURE);
  CHECK(outcome.out.empty());
  CHECK(outcome.err.starts_with("mnist_trainer: examples/mnist_trainer.cpp:"));
  CHECK(contains(outcome.err, "@train_step: "));
  CHECK(contains(outcome.err, "; all variables are as before the step\n  operand 0, "));
}

TEST_CASE("a NaN loss is printed as nan, and such a model is not saved") {
  const TemporaryFolder folder;
  const std::filesystem::path model = folder.path() / "digits";
  const Outcome outcome = train_again(fmt::format("--epochs 1 --learning-rate 1e37 --save '{}'", model.string()));
  CHECK(outcome.status == EXIT_FAILURE);
  CHECK(contains(outcome.out, "Training loss: nan, "));
  CHECK_FALSE(contains(outcome.out + outcome.err, "-nan"));
  CHECK(contains(outcome.err, "numbers that are not finite, so it is not saved\n"));
  CHECK_FALSE(std::filesystem::exists(model));
}

TEST_CASE("--trace writes the steps of training and validation") {
  const TemporaryFolder folder;
  const std::filesystem::path file = folder.path() / "trace.json";
  const Outcome outcome = train_again(fmt::format("--epochs 2 --quiet --hash --trace '{}'", file.string()));
  CHECK(outcome.out == train_again("--epochs 2 --quiet --hash").out);
  CHECK(outcome.err.empty());
  std::map<std::string, int> steps;
  std::ifstream stream(file);
  const auto document = nlohmann::json::parse(stream);
  for (const auto& event : document["traceEvents"]) {
    if (event.value("cat", "") == "step") ++steps[event["name"]];
    if (event.value("cat", "") == "kernel")
      CHECK(contains(event["args"]["lines"].get<std::string>(), "examples/mnist_trainer.cpp:"));
  }
  CHECK(steps == std::map<std::string, int>{{"evaluate", 5}, {"train_step", 5}});
  CHECK(train_again("--epochs 1 --trace /dev/null/trace.json").status == EXIT_FAILURE);
}

TEST_CASE("--tensorboard writes event files") {
  const TemporaryFolder folder;
  CHECK(train_again(fmt::format("--epochs 1 --quiet --tensorboard '{}'", folder.path().string())).status == 0);
  for (const char* const name : {"steps", "train", "validation"}) {
    REQUIRE(std::filesystem::exists(folder.path() / name));
    CHECK(std::filesystem::directory_iterator(folder.path() / name)->file_size() > 100);
  }
  CHECK(train_again("--epochs 1 --tensorboard /dev/null/runs").status == EXIT_FAILURE);
}

TEST_CASE("invalid options are errors") {
  for (const char* const arguments : {"--learning-rate 0", "--schedule linear", "--warm-up -1", "--clip-norm 0",
                                      "--patience 0", "--resume", "--checkpoint-steps 3"}) {
    INFO(arguments);
    const Outcome outcome = run(arguments);
    CHECK(outcome.status != 0);
    CHECK(outcome.out.empty());
    CHECK(contains(outcome.err, std::string(arguments).substr(0, std::string(arguments).find(' '))));
  }
}

TEST_CASE("if the model cannot be saved, the message says what is left") {
  const TemporaryFolder folder;
  const Outcome lost = run(fmt::format("--data '{}' --epochs 1 --quiet --save '{}'", small_data().string(),
                                       (folder.path() / "digits").string()),
                           "trap '' XFSZ; ulimit -f 2048; SLUICE_CACHE_DIR=");
  CHECK(lost.status == EXIT_FAILURE);
  CHECK(contains(lost.err, "digits"));
  CHECK(contains(lost.err,
                 ": cannot be written: File too large; what was learned is lost, since there was no "
                 "--checkpoint DIR to keep it\n"));
  CHECK_FALSE(std::filesystem::exists(folder.path() / "digits"));
}

TEST_CASE("a full disk ends training, leaving only the previous checkpoint") {
  if (std::system("unshare -rm mount -t tmpfs none /mnt > /dev/null 2>&1") != 0) {
    return test::skip("there is no unshare, or it may not mount a disk here");
  }
  // A checkpoint takes 11 MB. The first one is written before the training.
  const TemporaryFolder disk;
  const std::string train = fmt::format("'{}' --data '{}' --quiet --checkpoint '{}'", SLUICE_PROGRAM,
                                        small_data().string(), disk.path().string());
  const Outcome outcome = run_program(
      "unshare", fmt::format("-rm sh -c \"mount -t tmpfs -o size=16m none '{0}' && {1} --epochs 2; echo status \\$?; "
                             "ls -A '{0}'; {1} --epochs 0 --resume\"",
                             disk.path().string(), train));
  CHECK(outcome.err ==
        fmt::format("mnist_trainer: {}/checkpoint.safetensors: cannot be written: No space left on device\n",
                    disk.path().string()));
  CHECK(outcome.out.starts_with("status 1\ncheckpoint.safetensors\nTest accuracy: "));
}

TEST_CASE("Ctrl-C without checkpoints reports that the weights are lost") {
  const TemporaryFolder folder;
  const std::string err = (folder.path() / "err").string();
  RunningProgram program({"/bin/sh", "-c",
                          fmt::format("exec '{}' --data '{}' --epochs 100000 --save '{}' 2> '{}'", SLUICE_PROGRAM,
                                      small_data().string(), (folder.path() / "digits").string(), err)});
  program.await("Epoch: 0");
  program.send(SIGINT);
  const int status = program.wait();
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 128 + SIGINT);
  CHECK(contains(text_of(err),
                 "mnist_trainer: interrupted; what was learned is lost, since there was no --checkpoint DIR "
                 "to keep it\n"));
}

TEST_CASE("Ctrl-C and SIGTERM after training end it with their status, and leave nothing unfinished") {
  const TemporaryFolder folder;
  const std::string err = (folder.path() / "err").string();
  const std::filesystem::path model = folder.path() / "digits";
  const std::filesystem::path page = folder.path() / "page.html";
  const auto start = [&] {
    return RunningProgram({"/bin/sh", "-c",
                           fmt::format("exec '{}' --data '{}' --epochs 1 --save '{}' --report '{}' 2> '{}'",
                                       SLUICE_PROGRAM, small_data().string(), model.string(), page.string(), err)});
  };
  constexpr int kLate = 3;
  int interrupted = 0;
  for (int i = 0; i < 8; ++i) {
    std::filesystem::remove_all(model);
    std::filesystem::remove(page);
    const int number = i % 2 == 0 ? SIGINT : SIGTERM;
    RunningProgram program = start();
    program.await("Epoch: 0");
    if (i < kLate) {
      // After this it measures its kernels for the page, which takes some tenths of a second.
      for (int wait = 0; wait < 3000 && !std::filesystem::exists(model); ++wait) usleep(1000);
    } else {
      usleep(static_cast<useconds_t>(i) * 10'000);  // anywhere from here on
    }
    program.send(number);
    const int status = program.wait();
    REQUIRE(WIFEXITED(status));
    for (const auto& entry : std::filesystem::directory_iterator(folder.path()))
      CHECK_MESSAGE((entry.path() == model || entry.path() == page || entry.path() == err), entry.path().string());
    const bool saved = std::filesystem::exists(model);
    const bool reported = std::filesystem::exists(page);
    if (saved) CHECK(run_program(SLUICE_COMMAND, fmt::format("summary '{}'", model.string())).status == 0);
    if (WEXITSTATUS(status) == EXIT_SUCCESS) {  // the signal came too late
      CHECK((saved && reported));
      CHECK(i >= kLate);
      continue;
    }
    ++interrupted;
    CHECK(WEXITSTATUS(status) == 128 + number);
    if (i < kLate) CHECK(saved);
    const std::string remains = saved ? "the model is in " + model.string()
                                      : "what was learned is lost, since there was no --checkpoint DIR to keep it";
    CHECK(text_of(err) == fmt::format("mnist_trainer: interrupted; {}; {} is {}written\n", remains, page.string(),
                                      reported ? "" : "not "));
  }
  CHECK(interrupted >= kLate);
}
