#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

#include "runtime/execution/gate.h"
#include "sluice/runtime/wait_word.h"

namespace sluice::runtime {

/// The most threads that a team may have.
inline constexpr int kMaxThreads = 1024;

/// A fixed set of threads that waits for work. Whoever wants to use them takes a Lease: run() then forks a function on
/// its threads and joins, barrier() holds them together inside. Neither allocates. Waiting threads spin for some
/// microseconds and then sleep, so an idle team takes no time of the machine, and a thread that has lost its core gets
/// one from those that wait for it.
class ThreadTeam {
 public:
  using Function = void (*)(void* context, int thread, int threads);

  /// The right to run on threads() threads, the caller being one of them, and the number that everything for this run
  /// is sized by: it cannot change while the Lease lives. For the thread that took it.
  class Lease {
   public:
    int threads() const { return threads_; }

    /// Calls function(context, i, threads()) on every thread i at once (the caller is thread 0) and returns when all
    /// have. All that the caller wrote before is seen by every thread, all that they wrote is seen by the caller.
    /// Denormal numbers count as zero inside. `function` must not throw (the process ends) and must not take leases.
    void run(Function function, void* context);

    /// The same for a callable: lease.run([&](int thread, int threads) { ... }). It is called in place, so nothing is
    /// allocated.
    template <typename F>
    void run(F&& work) {
      using Work = std::remove_reference_t<F>;
      const Function call = [](void* context, int thread, int threads) {
        (*static_cast<Work*>(context))(thread, threads);
      };
      run(call, const_cast<void*>(static_cast<const void*>(std::addressof(work))));
    }

    /// Inside run(): waits until each of its threads has called it as often. What any of them wrote before is seen by
    /// all after.
    void barrier() {
      if (threads_ > 1) team_.wait_for_all(threads_);
    }

   private:
    friend ThreadTeam;
    explicit Lease(ThreadTeam& team);
    Lease(ThreadTeam& team, int wanted);

    void take(std::unique_lock<std::mutex> lock);

    /// Counts a caller as long as it lives.
    struct Caller {
      explicit Caller(ThreadTeam& called) : team(called), others(called.callers_++) {}
      ~Caller() { --team.callers_; }
      Caller(const Caller&) = delete;
      Caller& operator=(const Caller&) = delete;

      ThreadTeam& team;
      int others;  ///< that were there before
    };

    GatePass pass_;
    Caller caller_;
    ThreadTeam& team_;
    std::unique_lock<std::mutex> lock_;  ///< of the team; not held by who runs alone
    int threads_ = 1;
  };

  /// Starts `threads` - 1 threads; the caller is the one that is missing. Throws Error unless 1 <= threads <=
  /// kMaxThreads.
  explicit ThreadTeam(int threads);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  int size() const { return size_.load(std::memory_order_relaxed); }

  /// All threads of the team, once nobody else has them.
  Lease lease() { return Lease(*this); }
  /// At most `wanted` threads, without waiting: what other callers leave, at least the caller's own thread. Gives that
  /// alone for a while after threads came so late that waiting for them cost more than they did.
  Lease lease_idle(int wanted) { return {*this, wanted}; }

  /// A run on all threads.
  template <typename F>
  void run(F&& work) {
    lease().run(work);
  }

  /// How many runs have forked since the team was made: those on more threads than the caller's.
  std::uint64_t forks() const { return forks_.load(std::memory_order_relaxed); }

  /// Changes the number of threads, after what is running on them has ended. Not inside run(). Throws Error as the
  /// constructor does.
  void resize(int threads);

 private:
  static constexpr std::size_t kCacheLine = 64;  // each counter that threads write has a line of its own

  struct alignas(kCacheLine) Worker {
    WaitWord epoch;  ///< changes when there is work
    bool stops = false;
    std::thread thread;
  };

  void start(int threads);
  void stop();
  void serve(Worker& worker, int thread);
  void fork_join(Function function, void* context, int threads);
  void wait_for_all(int threads);
  template <typename Condition>
  void wait(WaitWord& word, Condition done);
  void adapt(std::chrono::nanoseconds saved);

  std::mutex mutex_;  ///< held by the one who runs on the threads or changes them
  std::vector<std::unique_ptr<Worker>> workers_;
  int generation_ = 0;           ///< of the process that has started them
  std::atomic<int> size_{1};     ///< workers and a caller
  std::atomic<int> callers_{0};  ///< leases
  std::atomic<int> waiting_{0};  ///< for the mutex: who would run alone instead lets them in
  int pauses_ = 0;               ///< how long to spin before sleeping; the threads that start read it
  std::atomic<std::chrono::steady_clock::time_point> alone_until_{};
  std::chrono::nanoseconds savings_{0};  ///< by forking instead of running alone, lately; held by mutex_
  std::atomic<std::uint64_t> forks_{0};

  // Written by the caller before a fork, read by the threads that it forks.
  Function function_ = nullptr;
  void* context_ = nullptr;
  int threads_ = 1;

  alignas(kCacheLine) WaitWord running_;   ///< threads that have not ended the function yet
  alignas(kCacheLine) WaitWord arrivals_;  ///< at barriers, since the fork
};

/// How many threads this process may run at once: the cores that it is allowed to use.
int hardware_threads();

/// The team of the process, made at the first call: $SLUICE_NUM_THREADS threads, or one for each core that the process
/// may use. It is never destroyed. Throws Error if the variable is no number from 1 to kMaxThreads.
ThreadTeam& default_team();

/// Gives the team of the process `threads` threads, whatever the environment says; steps that run end first. Throws
/// Error as the constructor of the team does.
void set_default_threads(int threads);

/// Restores the number of threads of the process's team when it goes out of scope.
class KeepDefaultThreads {
 public:
  KeepDefaultThreads() : threads_(default_team().size()) {}
  ~KeepDefaultThreads() { set_default_threads(threads_); }
  KeepDefaultThreads(const KeepDefaultThreads&) = delete;
  KeepDefaultThreads& operator=(const KeepDefaultThreads&) = delete;

 private:
  int threads_;
};

}  // namespace sluice::runtime
