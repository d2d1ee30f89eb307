#pragma once

#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <stop_token>
#include <thread>
#include <vector>

#include "sluice/dataset.h"

namespace sluice::detail {

/// Prepares batches on threads of its own, in a ring of buffers. Threads take the next batch that nobody has taken, so
/// with any number of them each batch is prepared once, and its position decides where it is found.
class Prefetcher {
 public:
  /// Starts with batch `first`, and prepares up to `ahead` batches (at least 1) beyond the one in use.
  Prefetcher(BatchPlan plan, std::int64_t first, std::int64_t ahead, int threads);
  ~Prefetcher();
  Prefetcher(const Prefetcher&) = delete;
  Prefetcher& operator=(const Prefetcher&) = delete;

  /// Waits for batch `index`, the one after that of the last call. It remains valid during the next call and until the
  /// one after it. Rethrows the exception that its preparation threw.
  const Batch& take(std::int64_t index);

 private:
  struct Slot {
    BatchBuffer buffer;
    std::exception_ptr error;
    bool ready = false;
  };

  void work(const std::stop_token& stop);
  Slot& slot(std::int64_t index) { return slots_[static_cast<std::size_t>(index) % slots_.size()]; }

  const BatchPlan plan_;
  const std::int64_t ahead_;
  std::vector<Slot> slots_;  ///< a slot belongs to a thread from when it takes the batch until it is ready
  std::mutex mutex_;
  std::condition_variable_any changed_;
  std::int64_t next_;                  ///< the first batch that no thread has taken
  std::int64_t in_use_;                ///< the batch of the last take()
  std::vector<std::jthread> threads_;  ///< last: joined before the rest is destroyed
};

}  // namespace sluice::detail
