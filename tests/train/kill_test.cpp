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

#include "ir/random_stream.h"
#include "sluice/checkpoint.h"
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

RunningProgram start(const std::filesystem::path& folder) { return RunningProgram({KILL_PROGRAM, folder.string()}); }

/// Returns the text after the bytes for the steps.
std::string hash_of(const RunningProgram& program) {
  return program.text().substr(program.text().find_last_of('.') + 1);
}

std::string hash_of_one_left_alone() {
  const TemporaryFolder folder;
  RunningProgram program = start(folder.path());
  const int status = program.wait();
  REQUIRE(WIFEXITED(status));
  REQUIRE(WEXITSTATUS(status) == 0);
  CHECK(hash_of(program).size() == 16);
  CHECK(program.text().size() == 65 + 16);  // five epochs of 13 steps
  return hash_of(program);
}

}  // namespace

TEST_CASE("training killed at fifty random points and resumed ends with the same bits") {
  constexpr int kKills = 50;
  const std::string expected = hash_of_one_left_alone();
  CHECK(hash_of_one_left_alone() == expected);
  RandomStream random(2024);
  int killed = 0;
  int interrupted = 0;
  int finished = 0;
  while (killed + interrupted < kKills || finished == 0) {
    const TemporaryFolder folder;
    for (bool done = false; !done;) {
      RunningProgram program = start(folder.path());
      const bool kills = killed + interrupted < kKills;
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
  CHECK(killed >= 10);
  CHECK(interrupted >= 10);
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
