#include "runtime/execution/step_schedule.h"

#include <algorithm>

#include "runtime/execution/thread_team.h"

namespace sluice::runtime {

StepSchedule::StepSchedule(const backend::Plan& plan, const backend::Target& target, bool share_all)
    : plan_(plan), share_all_(share_all), kernel_threads_(plan.kernels.size()), barriers_(plan.kernels.size()) {
  for (const backend::KernelPlan& kernel : plan.kernels) times_.push_back(kernel_time(plan, kernel, target));
}

void StepSchedule::estimate(const Bindings& bindings) {
  if (bindings == estimated_) return;
  double saved = 0;
  threads_worth_ = 1;
  for (std::size_t k = 0; k < kernel_threads_.size(); ++k) {
    const backend::KernelPlan& kernel = plan_.kernels[k];
    const double seconds = times_[k].seconds(bindings);
    const auto units = std::max<std::int64_t>(kernel.units.count(bindings), 1);
    const auto most = static_cast<double>(std::min<std::int64_t>(units, kMaxThreads));
    const int threads =
        share_all_ ? kMaxThreads : static_cast<int>(std::clamp(seconds / backend::kGrainSeconds, 1.0, most));
    kernel_threads_[k] = threads;
    threads_worth_ = std::max(threads_worth_, threads);
    saved += seconds * (1 - 1.0 / std::min(threads, 2));
  }
  if (!share_all_ && saved < backend::kForkPaysSeconds) threads_worth_ = 1;
  estimated_ = bindings;
}

int StepSchedule::threads_worth(const Bindings& bindings) {
  estimate(bindings);
  return threads_worth_;
}

void StepSchedule::make(const Bindings& bindings, int threads) {
  estimate(bindings);
  threads_ = 0;  // in case memory runs out
  shares_.resize(plan_.kernels.size() * static_cast<std::size_t>(threads));
  bool must_wait = false;  // some kernel since the last barrier conflicts with another one
  bool shared = false;     // some kernel since the last barrier ran on several threads
  for (std::size_t k = 0; k < plan_.kernels.size(); ++k) {
    const backend::KernelPlan& kernel = plan_.kernels[k];
    const int used = std::min(kernel_threads_[k], threads);
    for (int thread = 0; thread < threads; ++thread) {
      const auto begin = [&](int t) { return kernel.units.share_begin(std::min(t, used), used, bindings); };
      shares_[k * static_cast<std::size_t>(threads) + static_cast<std::size_t>(thread)] = {begin(thread),
                                                                                           begin(thread + 1)};
    }
    must_wait |= kernel.barrier_before;
    const bool barrier = must_wait && (shared || used > 1);
    barriers_[k] = barrier ? 1 : 0;
    if (barrier) must_wait = shared = false;
    shared |= used > 1;
  }
  threads_ = threads;
}

}  // namespace sluice::runtime
