// The effect of Ctrl-C, SIGTERM and SIGHUP while an InterruptGuard exists, in separate processes.
#include "sluice/interrupt.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

using namespace sluice;

namespace {

/// Runs `f` in a new process, whose exit status is the result of `f`, and returns the status of waitpid.
template <typename F>
int in_process(F f) {
  const pid_t process = fork();
  REQUIRE(process >= 0);
  if (process == 0) {
    std::signal(SIGINT, SIG_DFL);
    std::signal(SIGTERM, SIG_DFL);
    std::signal(SIGHUP, SIG_DFL);
    _exit(f());
  }
  int status = 0;
  REQUIRE(waitpid(process, &status, 0) == process);
  return status;
}

bool killed_by_interrupt(int status) { return WIFSIGNALED(status) && WTERMSIG(status) == SIGINT; }

}  // namespace

TEST_CASE("the first Ctrl-C is reported, the second ends the process") {
  const int once = in_process([] {
    const InterruptGuard guard;
    const bool before = InterruptGuard::happened();
    std::raise(SIGINT);
    return !before && InterruptGuard::happened() ? 7 : 8;
  });
  REQUIRE(WIFEXITED(once));
  CHECK(WEXITSTATUS(once) == 7);
  CHECK(killed_by_interrupt(in_process([] {
    const InterruptGuard guard;
    std::raise(SIGINT);
    std::raise(SIGINT);
    return 7;
  })));
}

TEST_CASE("SIGTERM and SIGHUP are reported as well, and a second signal of any kind ends the process") {
  for (const int number : {SIGTERM, SIGHUP}) {
    const int once = in_process([number] {
      const InterruptGuard guard;
      std::raise(number);
      return InterruptGuard::signal();
    });
    REQUIRE(WIFEXITED(once));
    CHECK(WEXITSTATUS(once) == number);
  }
  CHECK(killed_by_interrupt(in_process([] {
    const InterruptGuard guard;
    std::raise(SIGTERM);
    std::raise(SIGINT);
    return 7;
  })));
  const int ended = in_process([] {
    const InterruptGuard guard;
    std::raise(SIGINT);
    std::raise(SIGTERM);
    return 7;
  });
  CHECK((WIFSIGNALED(ended) && WTERMSIG(ended) == SIGTERM));
}

TEST_CASE("without a guard Ctrl-C has its previous effect") {
  CHECK(killed_by_interrupt(in_process([] {
    { const InterruptGuard guard; }
    std::raise(SIGINT);
    return 7;
  })));
  // A new guard knows nothing about the previous one.
  const int again = in_process([] {
    {
      const InterruptGuard guard;
      std::raise(SIGINT);
    }
    const InterruptGuard guard;
    return InterruptGuard::happened() ? 8 : 7;
  });
  CHECK(WEXITSTATUS(again) == 7);
}

TEST_CASE("a nested guard reports earlier signals, and leaves the outer one intact") {
  const int status = in_process([] {
    const InterruptGuard outer;
    std::raise(SIGTERM);
    {
      const InterruptGuard inner;
      if (InterruptGuard::signal() != SIGTERM) return 8;
    }
    return InterruptGuard::signal() == SIGTERM ? 7 : 9;
  });
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 7);
  const int later = in_process([] {
    const InterruptGuard outer;
    { const InterruptGuard inner; }
    std::raise(SIGINT);
    return InterruptGuard::signal();
  });
  REQUIRE(WIFEXITED(later));
  CHECK(WEXITSTATUS(later) == SIGINT);
}

TEST_CASE("a process that ignores Ctrl-C, or hang-ups as under nohup, keeps ignoring them") {
  for (const int number : {SIGINT, SIGHUP}) {
    const int status = in_process([number] {
      std::signal(number, SIG_IGN);
      const InterruptGuard guard;
      std::raise(number);
      std::raise(number);
      return InterruptGuard::happened() ? 8 : 7;
    });
    REQUIRE(WIFEXITED(status));
    CHECK(WEXITSTATUS(status) == 7);
  }
}
