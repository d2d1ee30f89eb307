#include "runtime/data/prefetcher.h"

#include <algorithm>
#include <system_error>
#include <utility>

#include "runtime/data/example_source.h"
#include "runtime/data/rows.h"
#include "sluice/error.h"

namespace sluice::detail {

/// Two slots more than are ahead: the batch in use, and the one before, which is still valid.
Prefetcher::Prefetcher(BatchPlan plan, std::int64_t first, std::int64_t ahead, int threads)
    : plan_(std::move(plan)),
      ahead_(std::min(ahead, plan_.count - first)),
      slots_(static_cast<std::size_t>(ahead_ + 2)),
      next_(first),
      in_use_(first - 1) {
  try {
    const std::int64_t useful = std::min<std::int64_t>(threads, ahead_);
    for (std::int64_t i = 0; i < useful; ++i) {
      threads_.emplace_back([this](const std::stop_token& stop) { work(stop); });
    }
  } catch (const std::system_error& error) {
    if (threads_.empty()) fail("prefetch: no thread can be started: {}", error.what());
  }
}

/// Stops all threads before the first is waited for.
Prefetcher::~Prefetcher() {
  for (std::jthread& thread : threads_) thread.request_stop();
}

const Batch& Prefetcher::take(std::int64_t index) {
  std::unique_lock lock(mutex_);
  // The batch before last is free now. If the caller kept a handle to it, the caller keeps its elements. To look here,
  // on the caller's thread, orders the caller's reads before the writes of the thread that fills the slot again.
  Slot& free = slot(index + ahead_);
  if (!free.buffer.reusable || !is_unique(free.buffer.batch)) free.buffer = {};
  free.ready = false;
  in_use_ = index;
  changed_.notify_all();
  Slot& taken = slot(index);
  changed_.wait(lock, [&] { return taken.ready; });
  if (taken.error) std::rethrow_exception(std::exchange(taken.error, nullptr));
  return taken.buffer.batch;
}

void Prefetcher::work(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  while (true) {
    const auto has_work = [&] { return next_ < plan_.count && next_ <= in_use_ + ahead_; };
    if (!changed_.wait(lock, stop, has_work) || stop.stop_requested()) return;
    const std::int64_t index = next_++;
    Slot& filled = slot(index);
    lock.unlock();
    std::exception_ptr error;
    try {
      plan_.fill(index, filled.buffer);
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    if (error) next_ = plan_.count;  // the loop ends there, so nobody needs the batches after it
    filled.error = std::move(error);
    filled.ready = true;
    changed_.notify_all();
  }
}

}  // namespace sluice::detail
