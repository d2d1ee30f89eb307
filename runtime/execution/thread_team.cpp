#include "runtime/execution/thread_team.h"

#include <sched.h>
#include <time.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdlib>
#include <string_view>
#include <system_error>

#include "runtime/execution/crash_report.h"
#include "sluice/error.h"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

namespace sluice::runtime {

namespace {

using Clock = std::chrono::steady_clock;

// A step follows the previous one sooner than this, so most forks find the threads awake.
constexpr std::chrono::microseconds kIdleSpin{50};
constexpr int kPausesBetweenLooksAtClock = 64;
constexpr int kPauses = 6000;  // 60 microseconds or more, longer than it takes to fall asleep and to wake
constexpr int kPausesWhenOversubscribed = 16;  // the thread being waited for may need this very core
// A run may have to wait for threads that have lost their cores to other work. Recent savings from forking pay for
// that. Any cost beyond them is a debt, and for a multiple of its time runs stay on one thread, so that trying again is
// cheap.
constexpr std::chrono::milliseconds kMostSavings{20};
constexpr int kTimeAlone = 16;

inline void pause() {
#if defined(__SSE2__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

/// Flushes denormals to zero during its lifetime: arithmetic on them is up to a hundred times slower.
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

/// Returns how long this thread has been on a core.
std::chrono::nanoseconds own_time() {
  timespec time{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
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
thread_local std::chrono::nanoseconds slept{0};  // by this thread, waiting for others

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
  std::atomic<ThreadTeam*> team{nullptr};
};

DefaultTeam& the_default() {
  static auto* const instance = new DefaultTeam;  // never destroyed: threads may outlive every static
  return *instance;
}

}  // namespace

ThreadTeam::ThreadTeam(int threads) {
  check_threads(threads);
  start(threads);
}

ThreadTeam::~ThreadTeam() {
  const std::lock_guard lock(mutex_);
  stop();
}

ThreadTeam::Lease::Lease(ThreadTeam& team) : caller_(team), team_(team) {
  SLUICE_CHECK(!inside_run, "a lease of a thread team inside run()");
  ++team.waiting_;
  std::unique_lock lock(team.mutex_);
  --team.waiting_;
  take(std::move(lock));
}

ThreadTeam::Lease::Lease(ThreadTeam& team, int wanted) : caller_(team), team_(team) {
  SLUICE_CHECK(!inside_run, "a lease of a thread team inside run()");
  wanted = std::min(wanted, team.size() - caller_.others);
  if (wanted <= 1 || team.waiting_.load(std::memory_order_relaxed) > 0) return;
  if (team.alone_until_.load(std::memory_order_relaxed) > Clock::now()) return;
  std::unique_lock lock(team.mutex_, std::try_to_lock);
  if (!lock.owns_lock()) return;
  take(std::move(lock));
  threads_ = std::min(wanted, threads_);
}

void ThreadTeam::Lease::take(std::unique_lock<std::mutex> lock) {
  lock_ = std::move(lock);
  if (team_.generation_ != process_generation()) {  // fork() has copied the team, but not its threads
    const int threads = team_.size();
    team_.stop();
    team_.start(threads);
  }
  threads_ = team_.size();
}

void ThreadTeam::Lease::run(Function function, void* context) {
  SLUICE_CHECK(!inside_run, "run() of a thread team inside run()");
  const FlushDenormals flush;
  inside_run = true;
  if (threads_ == 1) {
    call(function, context, 0, 1);
  } else {
    team_.fork_join(function, context, threads_);
  }
  inside_run = false;
}

void ThreadTeam::fork_join(Function function, void* context, int threads) {
  const std::chrono::nanoseconds start = own_time();
  slept = {};
  forks_.store(forks_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  function_ = function;
  context_ = context;
  threads_ = threads;
  running_.store(static_cast<std::uint32_t>(threads - 1));
  arrivals_.store(0);
  for (std::size_t i = 0; i + 1 < static_cast<std::size_t>(threads); ++i) {
    workers_[i]->epoch.add(1);  // publishes the lines above
    workers_[i]->epoch.wake();
  }
  call(function, context, 0, threads);
  wait(running_, [](std::uint32_t running) { return running == 0; });
  adapt((threads - 1) * (own_time() - start));
}

/// Called after a run in which others worked for `saved` and that slept for `slept`: decides whether to fork the next
/// ones.
void ThreadTeam::adapt(std::chrono::nanoseconds saved) {
  savings_ = std::min<std::chrono::nanoseconds>(savings_ + saved - slept, kMostSavings);
  if (savings_.count() >= 0) return;
  alone_until_.store(Clock::now() - kTimeAlone * savings_, std::memory_order_relaxed);
  savings_ = {};
}

void ThreadTeam::resize(int threads) {
  check_threads(threads);
  SLUICE_CHECK(!inside_run, "resize() of a thread team inside run()");
  const Lease all = lease();
  if (threads == size()) return;
  stop();
  start(threads);
}

void ThreadTeam::start(int threads) {
  pauses_ = threads > hardware_threads() ? kPausesWhenOversubscribed : kPauses;
  alone_until_.store({}, std::memory_order_relaxed);
  savings_ = {};
  generation_ = process_generation();
  try {
    workers_.reserve(static_cast<std::size_t>(threads - 1));
    for (int thread = 1; thread < threads; ++thread) {
      Worker& worker = *workers_.emplace_back(std::make_unique<Worker>());
      worker.thread = std::thread([this, &worker, thread] { serve(worker, thread); });
    }
  } catch (const std::system_error& error) {
    stop();
    fail("thread team: the system cannot start {} threads: {}", threads, error.what());
  }
  size_.store(threads, std::memory_order_relaxed);
}

void ThreadTeam::stop() {
  size_.store(1, std::memory_order_relaxed);
  if (generation_ != process_generation()) {
    // They run in the process that forked this one: here they can be neither joined nor destroyed.
    for (auto& worker : workers_) static_cast<void>(worker.release());
    workers_.clear();
    return;
  }
  for (const auto& worker : workers_) {
    worker->stops = true;
    worker->epoch.add(1);
    worker->epoch.wake();
  }
  for (const auto& worker : workers_) {
    if (worker->thread.joinable()) worker->thread.join();
  }
  workers_.clear();
}

void ThreadTeam::serve(Worker& worker, int thread) {
  const AlternateStack for_signals;
  const FlushDenormals flush;
  inside_run = true;
  std::uint32_t seen = 0;
  while (true) {
    const auto has_work = [&](std::uint32_t epoch) { return epoch != seen; };
    if (pauses_ != kPausesWhenOversubscribed) {
      const Clock::time_point sleep_at = Clock::now() + kIdleSpin;
      while (!has_work(worker.epoch.load()) && Clock::now() < sleep_at) {
        for (int i = 0; i < kPausesBetweenLooksAtClock && !has_work(worker.epoch.load()); ++i) pause();
      }
    }
    worker.epoch.sleep_until(has_work);
    ++seen;  // a run joins its threads before the next one forks, so no epoch is missed
    if (worker.stops) return;
    call(function_, context_, thread, threads_);
    if (running_.add(static_cast<std::uint32_t>(-1)) == 0) running_.wake();
  }
}

void ThreadTeam::wait_for_all(int threads) {
  // A counter that only increases needs no per-thread state: the barrier of this arrival is complete when the counter
  // reaches the next multiple of the number of threads.
  const auto count = static_cast<std::uint32_t>(threads);
  const std::uint32_t arrived = arrivals_.add(1);
  const std::uint32_t full = (arrived + count - 1) / count * count;
  if (arrived == full) return arrivals_.wake();
  wait(arrivals_, [&](std::uint32_t arrivals) { return arrivals >= full; });
}

/// Waits until `done`, first spinning, then asleep. Records how long it slept.
template <typename Condition>
void ThreadTeam::wait(WaitWord& word, Condition done) {
  for (int i = 0; i < pauses_; ++i) {
    if (done(word.load())) return;
    pause();
  }
  const Clock::time_point start = Clock::now();
  word.sleep_until(done);
  slept += Clock::now() - start;
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
  if (ThreadTeam* const team = instance.team.load(std::memory_order_acquire)) return *team;
  const GatePass pass;
  const std::lock_guard lock(instance.mutex);
  if (instance.team.load() == nullptr) instance.team = new ThreadTeam(threads_of_environment());
  return *instance.team.load();
}

void set_default_threads(int threads) {
  check_threads(threads);
  DefaultTeam& instance = the_default();
  const GatePass pass;
  const std::lock_guard lock(instance.mutex);
  if (instance.team.load() == nullptr) {
    instance.team = new ThreadTeam(threads);
    return;
  }
  instance.team.load()->resize(threads);
}

}  // namespace sluice::runtime
