#pragma once

#include "sluice/runtime/wait_word.h"

namespace sluice::runtime {

/// A fair lock for many readers or one writer, first come, first served: neither a loop of steps nor a crowd of readers
/// can starve anyone. Its functions are named like std::shared_mutex's. Not recursive, not even for readers.
class ReadWriteLock {
 public:
  void lock() {
    wait_for_turn();
    readers_.sleep_until([](std::uint32_t readers) { return readers == 0; });
  }
  void unlock() { next_turn(); }

  void lock_shared() {
    wait_for_turn();
    readers_.add(1);
    next_turn();
  }
  void unlock_shared() {
    if (readers_.add(static_cast<std::uint32_t>(-1)) == 0) readers_.wake();
  }

 private:
  void wait_for_turn() {
    const std::uint32_t ticket = tickets_.fetch_add(1, std::memory_order_relaxed);
    turn_.sleep_until([&](std::uint32_t turn) { return turn == ticket; });
  }
  void next_turn() {
    turn_.add(1);
    turn_.wake();
  }

  std::atomic<std::uint32_t> tickets_{0};
  WaitWord turn_;     ///< the ticket that may enter
  WaitWord readers_;  ///< inside
};

}  // namespace sluice::runtime
