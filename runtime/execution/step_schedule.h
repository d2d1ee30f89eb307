#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "backend/kernel_time.h"
#include "backend/plan.h"
#include "backend/target.h"

namespace sluice::runtime {

/// Assigns the units of each kernel in a step to threads, for given sizes and one number of threads. A kernel is
/// divided among as many threads as have a few microseconds of work each; smaller ones run on thread 0, which needs no
/// barriers between them.
class StepSchedule {
 public:
  struct Share {
    std::int64_t begin = 0;
    std::int64_t end = 0;
  };

  /// `share_all`: divides every kernel among all threads. `plan` must outlive it.
  StepSchedule(const backend::Plan& plan, const backend::Target& target, bool share_all);

  /// Returns how many threads a step with these sizes gains from: 1 if waking others would take longer than they save.
  int threads_worth(const Bindings& bindings);
  /// Computes the schedule. Allocates only for more threads than ever before. Throws std::bad_alloc.
  void make(const Bindings& bindings, int threads);

  int threads() const { return threads_; }  ///< of the last make()
  Share share(std::size_t kernel, int thread) const {
    return shares_[kernel * static_cast<std::size_t>(threads_) + static_cast<std::size_t>(thread)];
  }
  /// Returns whether all threads wait for each other before `kernel`.
  bool barrier_before(std::size_t kernel) const { return barriers_[kernel] != 0; }

 private:
  void estimate(const Bindings& bindings);

  const backend::Plan& plan_;
  bool share_all_;
  std::vector<backend::KernelTime> times_;
  Bindings estimated_;  ///< of the estimates
  int threads_worth_ = 1;
  int threads_ = 0;
  std::vector<int> kernel_threads_;  ///< that pay off for each kernel
  std::vector<Share> shares_;        ///< by kernel, then thread
  std::vector<char> barriers_;
};

}  // namespace sluice::runtime
