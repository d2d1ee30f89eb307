#include "runtime/execution/thread_team.h"

#include <doctest/doctest.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <limits>
#include <numeric>
#include <thread>

#include "sluice/error.h"
#include "tests/support/counting_new.h"

namespace sluice::runtime {
namespace {

double cpu_seconds() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](timeval t) { return static_cast<double>(t.tv_sec) + 1e-6 * static_cast<double>(t.tv_usec); };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

TEST_CASE("a team runs its function once on each thread and joins") {
  for (const int size : {1, 2, 3, 7}) {
    ThreadTeam team(size);
    CHECK(team.size() == size);
    std::vector<int> calls(static_cast<std::size_t>(size), 0);
    for (int round = 0; round < 500; ++round) {
      team.run([&](int thread, int threads) {
        if (threads == size) ++calls[static_cast<std::size_t>(thread)];
      });
    }
    CHECK(calls == std::vector<int>(static_cast<std::size_t>(size), 500));
    CHECK(team.forks() == (size > 1 ? 500 : 0));
  }
}

TEST_CASE("thread 0 is the caller") {
  ThreadTeam team(3);
  std::thread::id zero;
  team.run([&](int thread, int) {
    if (thread == 0) zero = std::this_thread::get_id();
  });
  CHECK(zero == std::this_thread::get_id());
}

TEST_CASE("a barrier makes writes visible to all threads, even with more threads than cores") {
  for (const int size : {1, 2, 3, 8}) {
    ThreadTeam team(size);
    constexpr int kRounds = 300;
    std::vector<int> current(static_cast<std::size_t>(size), -1);
    std::vector<int> wrong(static_cast<std::size_t>(size), 0);
    ThreadTeam::Lease lease = team.lease();
    lease.run([&](int thread, int) {
      const auto self = static_cast<std::size_t>(thread);
      for (int round = 0; round < kRounds; ++round) {
        current[self] = round;
        lease.barrier();
        for (const int value : current) wrong[self] += value != round ? 1 : 0;
        lease.barrier();
      }
    });
    CHECK(std::accumulate(wrong.begin(), wrong.end(), 0) == 0);
  }
}

TEST_CASE("run and barrier allocate nothing") {
  ThreadTeam team(2);
  int sum = 0;
  const auto run = [&] {
    ThreadTeam::Lease lease = team.lease();
    lease.run([&](int thread, int) {
      lease.barrier();
      if (thread == 0) ++sum;
      lease.barrier();
    });
  };
  run();
  const std::int64_t before = allocation_count();
  for (int i = 0; i < 100; ++i) run();
  CHECK(allocation_count() == before);
  CHECK(sum == 101);
}

TEST_CASE("an idle team sleeps and wakes again") {
  ThreadTeam team(4);
  std::atomic<int> calls{0};
  const auto work = [&](int, int) { ++calls; };
  team.run(work);
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // let the threads fall asleep
  const double before = cpu_seconds();
  std::this_thread::sleep_for(std::chrono::milliseconds(200));
  CHECK(cpu_seconds() - before < 0.02);
  team.run(work);
  CHECK(calls == 8);
}

TEST_CASE("calls from two threads run one after the other") {
  ThreadTeam team(2);
  int inside = 0;
  int overlaps = 0;
  const auto many = [&] {
    for (int i = 0; i < 500; ++i) {
      ThreadTeam::Lease lease = team.lease();
      lease.run([&](int thread, int) {
        if (thread == 0 && ++inside != 1) ++overlaps;
        lease.barrier();
        if (thread == 0) --inside;
      });
    }
  };
  std::thread other(many);
  many();
  other.join();
  CHECK(overlaps == 0);
  CHECK(team.forks() == 1000);
}

TEST_CASE("a team can be resized") {
  ThreadTeam team(2);
  for (const int size : {5, 1, 3}) {
    team.resize(size);
    std::atomic<int> calls{0};
    ThreadTeam::Lease lease = team.lease();
    CHECK(lease.threads() == size);
    lease.run([&](int, int) {
      lease.barrier();
      ++calls;
    });
    CHECK(calls == size);
  }
}

TEST_CASE("a team is not resized before its users have returned it") {
  ThreadTeam team(2);
  std::atomic<bool> resized{false};
  std::thread other;
  {
    const ThreadTeam::Lease lease = team.lease();
    other = std::thread([&] {
      team.resize(3);
      resized = true;
    });
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    CHECK(!resized);
    CHECK(team.size() == 2);
  }
  other.join();
  CHECK(team.size() == 3);
}

TEST_CASE("without waiting, a caller gets the threads that others leave, and at least its own") {
  ThreadTeam team(4);
  CHECK(team.lease_idle(100).threads() == 4);
  CHECK(team.lease_idle(3).threads() == 3);
  CHECK(team.lease_idle(1).threads() == 1);
  {
    const ThreadTeam::Lease one = team.lease_idle(1);  // a caller that needs no other thread
    CHECK(team.lease_idle(100).threads() == 3);
  }
  {
    const ThreadTeam::Lease all = team.lease();
    std::thread([&] { CHECK(team.lease_idle(100).threads() == 1); }).join();
  }
  CHECK(team.lease_idle(100).threads() == 4);
  CHECK(team.forks() == 0);
}

TEST_CASE("a run on part of the team uses that many threads and barriers among them") {
  for (int wanted = 1; wanted <= 4; ++wanted) {
    CAPTURE(wanted);
    ThreadTeam team(4);
    ThreadTeam::Lease lease = team.lease_idle(wanted);
    REQUIRE(lease.threads() == wanted);
    std::vector<int> calls(4, 0);
    std::vector<int> seen(4, 0);
    lease.run([&](int thread, int threads) {
      calls[static_cast<std::size_t>(thread)] = threads;
      lease.barrier();
      seen[static_cast<std::size_t>(thread)] = std::accumulate(calls.begin(), calls.end(), 0);
    });
    for (int thread = 0; thread < 4; ++thread)
      CHECK(seen[static_cast<std::size_t>(thread)] == (thread < wanted ? wanted * wanted : 0));
    CHECK(team.forks() == (wanted > 1 ? 1 : 0));
  }
}

TEST_CASE("a lease keeps its number of threads, whoever resizes the team") {
  ThreadTeam team(2);
  std::atomic<bool> stops{false};
  std::thread other([&] {
    for (int i = 0; !stops; ++i) team.resize(1 + i % 4);
  });
  int wrong = 0;
  for (int i = 0; i < 2000; ++i) {
    ThreadTeam::Lease lease = i % 2 == 0 ? team.lease() : team.lease_idle(4);
    std::atomic<int> calls{0};
    lease.run([&](int, int threads) {
      if (threads == lease.threads()) ++calls;
    });
    if (calls != lease.threads()) ++wrong;
  }
  stops = true;
  other.join();
  CHECK(wrong == 0);
}

TEST_CASE("after threads started late, runs use one thread for a while") {
  ThreadTeam team(2);
  constexpr std::chrono::milliseconds kLate{20};
  {
    ThreadTeam::Lease lease = team.lease();
    lease.run([&](int thread, int) {
      if (thread == 1) std::this_thread::sleep_for(kLate);
    });
  }
  const std::uint64_t forks = team.forks();
  CHECK(team.lease_idle(2).threads() == 1);
  CHECK(team.lease().threads() == 2);  // a caller that waits gets all
  CHECK(team.forks() == forks);
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (team.lease_idle(2).threads() == 1 && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(kLate);
  CHECK(team.lease_idle(2).threads() == 2);
}

#if defined(__SSE2__)
TEST_CASE("denormals are flushed to zero inside run, and the caller's mode is restored") {
  ThreadTeam team(2);
  volatile float smallest = std::numeric_limits<float>::min();
  CHECK(smallest / 2 > 0);
  std::vector<float> halves{1, 1};
  team.run([&](int thread, int) { halves[static_cast<std::size_t>(thread)] = smallest / 2; });
  CHECK(halves == std::vector<float>{0, 0});
  CHECK(smallest / 2 > 0);
}
#endif

TEST_CASE("an invalid team size is an error") {
  CHECK_THROWS_WITH_AS(ThreadTeam(0), "thread team: expected 1 to 1024 threads, got 0", Error);
  CHECK_THROWS_WITH_AS(ThreadTeam(1025), "thread team: expected 1 to 1024 threads, got 1025", Error);
  ThreadTeam team(2);
  CHECK_THROWS_WITH_AS(team.resize(-1), "thread team: expected 1 to 1024 threads, got -1", Error);
  CHECK(team.size() == 2);
}

// The only test case that uses the process's team, which is created once.
TEST_CASE("the process's team follows SLUICE_NUM_THREADS, then set_default_threads") {
  for (const char* bad : {"0", "two", "3x", "99999999999", " 2"}) {
    setenv("SLUICE_NUM_THREADS", bad, 1);
    const std::string message = fmt::format("SLUICE_NUM_THREADS: expected a number from 1 to 1024, got \"{}\"", bad);
    CHECK_THROWS_WITH_AS(default_team(), message.c_str(), Error);
  }
  setenv("SLUICE_NUM_THREADS", "3", 1);
  ThreadTeam& team = default_team();
  CHECK(team.size() == 3);
  CHECK(&default_team() == &team);
  set_default_threads(2);
  CHECK(default_team().size() == 2);
  CHECK(&default_team() == &team);
}

}  // namespace
}  // namespace sluice::runtime
