#pragma once

#include <atomic>
#include <cstdint>

namespace sluice::runtime {

/// A number that threads can sleep on. Changing it makes a system call only while somebody sleeps.
class WaitWord {
 public:
  explicit constexpr WaitWord(std::uint32_t value = 0) : value_(value) {}

  std::uint32_t load() const { return value_.load(std::memory_order_acquire); }
  void store(std::uint32_t value) { value_.store(value, std::memory_order_release); }
  /// Adds and returns the sum. Sequentially consistent, as wake() needs.
  std::uint32_t add(std::uint32_t number) { return value_.fetch_add(number) + number; }

  /// Wakes sleeping threads after an add(). Either this sees the sleeper, or the sleeper saw the new value.
  void wake() {
    if (sleepers_.load() != 0) value_.notify_all();
  }

  /// Sleeps until `done(value)`.
  template <typename Condition>
  void sleep_until(Condition done) {
    if (done(load())) return;
    sleepers_.fetch_add(1);
    for (std::uint32_t seen = value_.load(); !done(seen); seen = value_.load()) value_.wait(seen);
    sleepers_.fetch_sub(1);
  }

 private:
  std::atomic<std::uint32_t> value_;
  std::atomic<std::uint32_t> sleepers_{0};
};

}  // namespace sluice::runtime
