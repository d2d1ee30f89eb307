// A training run that is killed again and again and resumed ends with the same bits as an uninterrupted one.
#include <doctest/doctest.h>
#include <fmt/format.h>
#include <sys/wait.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <thread>
#include <vector>

#include "sluice/checkpoint.h"
#include "sluice/random_stream.h"
#include "tests/support/running_program.h"
#include "tests/support/temporary_folder.h"

using namespace sluice;
using namespace sluice::test;

namespace {

/// Machine code is kept between runs, so that most of the time goes into training.
struct Cache {
  TemporaryFolder folder;
  Cache() { setenv("SLUICE_CACHE_DIR", folder.path().c_str(), 1); }
} const kCache;

enum class Options : std::uint8_t { kNone, kAll };

RunningProgram start(const std::filesystem::path& folder, Options options = Options::kNone) {
  std::vector<std::string> words{KILL_PROGRAM, folder.string()};
  if (options == Options::kAll) words.emplace_back("all");
  return RunningProgram(words);
}

/// Returns the text after the bytes for the steps.
std::string hash_of(const RunningProgram& program) {
  return program.text().substr(program.text().find_last_of('.') + 1);
}

std::string hash_of_one_left_alone(Options options) {
  const TemporaryFolder folder;
  RunningProgram program = start(folder.path(), options);
  const int status = program.wait();
  REQUIRE(WIFEXITED(status));
  REQUIRE(WEXITSTATUS(status) == 0);
  CHECK(hash_of(program).size() == 16);
  CHECK(program.text().size() == 65 + 16);  // five epochs of 13 steps
  return hash_of(program);
}

/// Kills a training run this many times, and then others, until one comes to its end.
void kill_and_resume(int kills_wanted, Options options) {
  const std::string expected = hash_of_one_left_alone(options);
  CHECK(hash_of_one_left_alone(options) == expected);
  RandomStream random(2024);
  int killed = 0;
  int interrupted = 0;
  int finished = 0;
  while (killed + interrupted < kills_wanted || finished == 0) {
    const TemporaryFolder folder;
    for (bool done = false; !done;) {
      RunningProgram program = start(folder.path(), options);
      const bool kills = killed + interrupted < kills_wanted;
      const int signal = random.below(2) == 0 ? SIGKILL : SIGINT;
      if (kills) {
        // Some steps, then some time: within a step, a validation or the writing of a checkpoint.
        program.await_bytes(random.below(14));
        std::this_thread::sleep_for(std::chrono::microseconds(random.below(3000)));
        program.send(signal);
      }
      const int status = program.wait();
      if (WIFEXITED(status) && WEXITSTATUS(status) == 0) {
        CHECK(hash_of(program) == expected);
        ++finished;
        done = true;
      } else if (WIFEXITED(status) && WEXITSTATUS(status) == 130) {
        ++interrupted;
        CHECK(std::filesystem::exists(checkpoint_file(folder.path())));
      } else {
        // SIGINT also kills the program if it has not begun to train.
        REQUIRE(WIFSIGNALED(status));
        CHECK(WTERMSIG(status) == signal);
        ++killed;
      }
    }
  }
  MESSAGE(fmt::format("{} killed, {} interrupted; {} came to their end", killed, interrupted, finished));
  CHECK(killed >= kills_wanted / 5);
  CHECK(interrupted >= kills_wanted / 5);
}

}  // namespace

TEST_CASE("training killed at fifty random points and resumed ends with the same bits") {
  kill_and_resume(50, Options::kNone);
}

TEST_CASE("so does training with accumulated batches, averages, frozen variables and several rates") {
  kill_and_resume(25, Options::kAll);
}

TEST_CASE("the first Ctrl-C ends training after its step, with a checkpoint to resume from") {
  const TemporaryFolder folder;
  RunningProgram program = start(folder.path());
  program.await_bytes(4);
  program.send(SIGINT);
  const int status = program.wait();
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 130);
  const std::size_t before = program.text().size();
  CHECK(before < 65);
  RunningProgram again = start(folder.path());
  CHECK(again.wait() == 0);
  CHECK(again.text().size() == 65 - before + 16);
}
