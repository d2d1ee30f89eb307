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

/// A fixed set of threads that waits for work. Callers take a Lease to use them: run() then forks a function on its
/// threads and joins, and barrier() synchronizes them inside it. Neither allocates. Waiting threads spin for some
/// microseconds and then sleep, so an idle team takes no CPU time, and a thread that has lost its core gets one from
/// those that wait for it.
class ThreadTeam {
 public:
  using Function = void (*)(void* context, int thread, int threads);

  /// The right to run on threads() threads, including the caller, and the number that everything for this run is sized
  /// by: it cannot change during the Lease's lifetime. For use by the thread that took it.
  class Lease {
   public:
    int threads() const { return threads_; }

    /// Calls function(context, i, threads()) on every thread i at once (the caller is thread 0) and returns when all
    /// have returned. Every thread sees what the caller wrote before; the caller sees everything they wrote. Denormals
    /// are flushed to zero inside. `function` must not throw (the process would end) and must not take leases.
    void run(Function function, void* context);

    /// The same for a callable: lease.run([&](int thread, int threads) { ... }). It is called in place, without
    /// allocating.
    template <typename F>
    void run(F&& work) {
      using Work = std::remove_reference_t<F>;
      const Function call = [](void* context, int thread, int threads) {
        (*static_cast<Work*>(context))(thread, threads);
      };
      run(call, const_cast<void*>(static_cast<const void*>(std::addressof(work))));
    }

    /// Inside run(): waits until each of its threads has called it equally often. Writes before it are visible to all
    /// threads after it.
    void barrier() {
      if (threads_ > 1) team_.wait_for_all(threads_);
    }

   private:
    friend ThreadTeam;
    explicit Lease(ThreadTeam& team);
    Lease(ThreadTeam& team, int wanted);

    void take(std::unique_lock<std::mutex> lock);

    /// Counts a caller during its lifetime.
    struct Caller {
      explicit Caller(ThreadTeam& called) : team(called), others(called.callers_++) {}
      ~Caller() { --team.callers_; }
      Caller(const Caller&) = delete;
      Caller& operator=(const Caller&) = delete;

      ThreadTeam& team;
      int others;  ///< callers that were there before
    };

    GatePass pass_;
    Caller caller_;
    ThreadTeam& team_;
    std::unique_lock<std::mutex> lock_;  ///< of the team; not held by a caller that runs alone
    int threads_ = 1;
  };

  /// Starts `threads` - 1 threads; the caller is the remaining one. Throws Error unless 1 <= threads <= kMaxThreads.
  explicit ThreadTeam(int threads);
  ~ThreadTeam();
  ThreadTeam(const ThreadTeam&) = delete;
  ThreadTeam& operator=(const ThreadTeam&) = delete;

  int size() const { return size_.load(std::memory_order_relaxed); }

  /// Returns a lease on all threads of the team, once nobody else holds them.
  Lease lease() { return Lease(*this); }
  /// Returns a lease on at most `wanted` threads, without waiting: those that other callers leave, at least the
  /// caller's own. For a while after threads started so late that waiting for them cost more than they saved, returns
  /// the caller's thread only.
  Lease lease_idle(int wanted) { return {*this, wanted}; }

  /// Runs `work` on all threads.
  template <typename F>
  void run(F&& work) {
    lease().run(work);
  }

  /// Returns how many runs have forked since the team was created, that is, used more than the caller's thread.
  std::uint64_t forks() const { return forks_.load(std::memory_order_relaxed); }

  /// Changes the number of threads, after the current runs have ended. Not for use inside run(). Throws Error as the
  /// constructor does.
  void resize(int threads);

 private:
  static constexpr std::size_t kCacheLine = 64;  // each counter that threads write has its own line

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

  std::mutex mutex_;  ///< held while running on the threads or changing them
  std::vector<std::unique_ptr<Worker>> workers_;
  int generation_ = 0;           ///< of the process that started them
  std::atomic<int> size_{1};     ///< workers and a caller
  std::atomic<int> callers_{0};  ///< leases
  std::atomic<int> waiting_{0};  ///< for the mutex: a caller that could run alone lets them go first
  int pauses_ = 0;               ///< how long to spin before sleeping; read by threads as they start
  std::atomic<std::chrono::steady_clock::time_point> alone_until_{};
  std::chrono::nanoseconds savings_{0};  ///< recent gain of forking over running alone; protected by mutex_
  std::atomic<std::uint64_t> forks_{0};

  // Written by the caller before a fork, read by the forked threads.
  Function function_ = nullptr;
  void* context_ = nullptr;
  int threads_ = 1;

  alignas(kCacheLine) WaitWord running_;   ///< threads that have not finished the function yet
  alignas(kCacheLine) WaitWord arrivals_;  ///< at barriers, since the fork
};

/// Returns how many threads this process may run at once: the number of cores it may use.
int hardware_threads();

/// Returns the process's team, created on the first call with $SLUICE_NUM_THREADS threads, or one for each core that
/// the process may use. Never destroyed. Throws Error if the variable is not a number from 1 to kMaxThreads.
ThreadTeam& default_team();

/// Resizes the process's team to `threads` threads, regardless of the environment, after current steps have ended.
/// Throws Error as the team's constructor does.
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
