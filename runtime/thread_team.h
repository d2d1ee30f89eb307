#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

namespace sluice::runtime {

/// The most threads that a team may have.
inline constexpr int kMaxThreads = 1024;

/// A fixed set of threads that waits for work: run() forks a function on all of them and joins, barrier() holds them
/// together inside. Neither allocates. Waiting threads spin for some microseconds; an idle team then sleeps and takes
/// no time of the machine.
class ThreadTeam {
 public:
  using Function = void (*)(void* context, int thread, int threads);

  /// Starts `threads` - 1 threads; the caller of run() is the one that is missing. Throws Error unless 1 <= threads <=
  /// kMaxThreads.
  explicit ThreadTeam(int threads);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  int size() const { return threads_; }

  /// Calls function(context, i, size()) on every thread i at once (the caller is thread 0) and returns when all have.
  /// All that the caller wrote before is seen by every thread, all that they wrote is seen by the caller. Denormal
  /// numbers count as zero inside. `function` must not throw (the process ends) and must not call run() of any team.
  /// Calls from several threads run one after the other.
  void run(Function function, void* context);

  /// The same for a callable: team.run([&](int thread, int threads) { ... }). It is called in place, so nothing is
  /// allocated.
  template <typename F>
  void run(F&& work) {
    using Work = std::remove_reference_t<F>;
    const Function call = [](void* context, int thread, int threads) {
      (*static_cast<Work*>(context))(thread, threads);
    };
    run(call, const_cast<void*>(static_cast<const void*>(std::addressof(work))));
  }

  /// Inside run(): waits until every thread of the team has called it as often. What any of them wrote before is seen
  /// by all after.
  void barrier() {
    if (threads_ > 1) wait_for_all();
  }

  /// How many times run() has forked since the team was made.
  std::uint64_t forks() const { return forks_.load(std::memory_order_relaxed); }

  /// Changes the number of threads, after what is running has ended. Not inside run(). Throws Error as the constructor
  /// does.
  void resize(int threads);

 private:
  void start();
  void stop();
  void serve(int thread, std::uint32_t seen);
  void wait_for_all();

  static constexpr std::size_t kCacheLine = 64;  // each counter that threads write has a line of its own

  // Written by the caller only, read by the threads.
  int threads_ = 1;
  int pauses_ = 0;  // how long to spin before giving the core away
  bool stopping_ = false;
  Function function_ = nullptr;
  void* context_ = nullptr;
  std::mutex mutex_;
  std::vector<std::thread> workers_;
  std::atomic<std::uint64_t> forks_{0};

  alignas(kCacheLine) std::atomic<std::uint32_t> epoch_{0};     // changes when there is work
  alignas(kCacheLine) std::atomic<int> running_{0};             // threads that have not ended it yet
  alignas(kCacheLine) std::atomic<std::uint64_t> arrivals_{0};  // at barriers, ever since the team was started
};

/// How many threads this process may run at once: the cores that it is allowed to use.
int hardware_threads();

/// The team of the process, made at the first call: $SLUICE_NUM_THREADS threads, or one for each core that the process
/// may use. Throws Error if the variable is no number from 1 to kMaxThreads.
ThreadTeam& default_team();

/// Gives the team of the process `threads` threads, whatever the environment says. Throws Error as the constructor of
/// the team does.
void set_default_threads(int threads);

}  // namespace sluice::runtime
