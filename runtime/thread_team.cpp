#include "runtime/thread_team.h"

#include <sched.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <string_view>
#include <system_error>

#include "ir/error.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace sluice::runtime {

namespace {

constexpr std::chrono::microseconds kIdleSpin{
    50};  // a step follows a step sooner than this: most forks find the threads awake
constexpr int kPausesBetweenLooksAtClock = 64;
constexpr int kPauses = 2000;  // some 20 microseconds; a thread that is later than that has lost its core
constexpr int kPausesWhenOversubscribed = 16;  // the thread that is waited for may need this very core

inline void pause() {
#if defined(__SSE2__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Makes denormal numbers count as zero, until it is destroyed: arithmetic on them is up to a hundred times slower.
class FlushDenormals {
 public:
#if defined(__SSE2__)
  FlushDenormals() : saved_(_mm_getcsr()) { _mm_setcsr(saved_ | kFlushToZero | kDenormalsAreZero); }
  ~FlushDenormals() { _mm_setcsr(saved_); }

 private:
  static constexpr unsigned kFlushToZero = 0x8000;
  static constexpr unsigned kDenormalsAreZero = 0x0040;
  unsigned saved_;
#else
  FlushDenormals() = default;
#endif
  FlushDenormals(const FlushDenormals&) = delete;
  FlushDenormals& operator=(const FlushDenormals&) = delete;
};

/// Waits until `done`, at first by spinning, then giving the core away between looks.
template <typename Condition>
void spin_until(int pauses, Condition done) {
  for (int i = 0; i < pauses; ++i) {
    if (done()) return;
    pause();
  }
  while (!done()) sched_yield();
}

void check_threads(int threads) {
  if (threads < 1 || threads > kMaxThreads) {
    fail("thread team: expected 1 to {} threads, got {}", kMaxThreads, threads);
  }
}

/// An exception would leave the other threads inside; noexcept ends the process instead.
void call(ThreadTeam::Function function, void* context, int thread, int threads) noexcept {
  function(context, thread, threads);
}

thread_local bool inside_run = false;

int threads_of_environment() {
  const char* const text = std::getenv("SLUICE_NUM_THREADS");
  if (text == nullptr || *text == '\0') return std::min(hardware_threads(), kMaxThreads);
  const std::string_view view = text;
  int threads = 0;
  const auto [end, error] = std::from_chars(view.data(), view.data() + view.size(), threads);
  if (error != std::errc{} || end != view.data() + view.size() || threads < 1 || threads > kMaxThreads) {
    fail("SLUICE_NUM_THREADS: expected a number from 1 to {}, got \"{}\"", kMaxThreads, view);
  }
  return threads;
}

struct DefaultTeam {
  std::mutex mutex;
  std::unique_ptr<ThreadTeam> team;
};

DefaultTeam& the_default() {
  static DefaultTeam instance;
  return instance;
}

}  // namespace

ThreadTeam::ThreadTeam(int threads) {
  check_threads(threads);
  threads_ = threads;
  start();
}

ThreadTeam::~ThreadTeam() {
  const std::lock_guard lock(mutex_);
  stop();
}

void ThreadTeam::run(Function function, void* context) {
  SLUICE_CHECK(!inside_run, "run() of a thread team inside run()");
  const std::lock_guard lock(mutex_);
  const FlushDenormals flush;
  inside_run = true;
  forks_.store(forks_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  if (threads_ == 1) {
    call(function, context, 0, 1);
    inside_run = false;
    return;
  }
  function_ = function;
  context_ = context;
  running_.store(threads_ - 1, std::memory_order_relaxed);
  epoch_.fetch_add(1);  // publishes the lines above
  epoch_.notify_all();  // no system call where nobody sleeps
  call(function, context, 0, threads_);
  spin_until(pauses_, [this] { return running_.load(std::memory_order_acquire) == 0; });
  inside_run = false;
}

void ThreadTeam::resize(int threads) {
  check_threads(threads);
  SLUICE_CHECK(!inside_run, "resize() of a thread team inside run()");
  const std::lock_guard lock(mutex_);
  if (threads == threads_) return;
  stop();
  threads_ = threads;
  start();
}

void ThreadTeam::start() {
  pauses_ = threads_ > hardware_threads() ? kPausesWhenOversubscribed : kPauses;
  stopping_ = false;
  arrivals_.store(0);
  const std::uint32_t epoch = epoch_.load();
  try {
    workers_.reserve(static_cast<std::size_t>(threads_ - 1));
    for (int thread = 1; thread < threads_; ++thread) {
      workers_.emplace_back([this, thread, epoch] { serve(thread, epoch); });
    }
  } catch (const std::system_error& error) {
    const int wanted = threads_;
    stop();
    threads_ = 1;
    fail("thread team: the system does not start {} threads: {}", wanted, error.what());
  }
}

void ThreadTeam::stop() {
  stopping_ = true;
  epoch_.fetch_add(1);
  epoch_.notify_all();
  for (std::thread& worker : workers_) worker.join();
  workers_.clear();
}

void ThreadTeam::serve(int thread, std::uint32_t seen) {
  using Clock = std::chrono::steady_clock;
  const FlushDenormals flush;
  inside_run = true;
  const auto has_work = [&] { return epoch_.load(std::memory_order_acquire) != seen; };
  while (true) {
    const Clock::time_point sleep_at = Clock::now() + kIdleSpin;
    while (!has_work() && Clock::now() < sleep_at) {
      for (int i = 0; i < kPausesBetweenLooksAtClock && !has_work(); ++i) pause();
      if (pauses_ == kPausesWhenOversubscribed) sched_yield();
    }
    epoch_.wait(seen, std::memory_order_acquire);
    ++seen;  // run() joins all threads before it forks again, so no epoch is missed
    if (stopping_) return;
    call(function_, context_, thread, threads_);
    running_.fetch_sub(1, std::memory_order_release);
  }
}

void ThreadTeam::wait_for_all() {
  // A count that only grows needs no reset and no memory of its own in the threads: the barrier that this arrival
  // belongs to is full when the count reaches the next multiple of the team's size.
  const auto threads = static_cast<std::uint64_t>(threads_);
  const std::uint64_t arrival = arrivals_.fetch_add(1, std::memory_order_acq_rel);
  const std::uint64_t full = (arrival / threads + 1) * threads;
  spin_until(pauses_, [&] { return arrivals_.load(std::memory_order_acquire) >= full; });
}

int hardware_threads() {
#if defined(__linux__)
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) return std::max(1, CPU_COUNT(&allowed));
#endif
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

ThreadTeam& default_team() {
  DefaultTeam& instance = the_default();
  const std::lock_guard lock(instance.mutex);
  if (instance.team == nullptr) instance.team = std::make_unique<ThreadTeam>(threads_of_environment());
  return *instance.team;
}

void set_default_threads(int threads) {
  DefaultTeam& instance = the_default();
  const std::lock_guard lock(instance.mutex);
  if (instance.team == nullptr) {
    instance.team = std::make_unique<ThreadTeam>(threads);
    return;
  }
  instance.team->resize(threads);
}

}  // namespace sluice::runtime
