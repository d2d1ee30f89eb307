#pragma once

#include <coroutine>
#include <utility>

namespace sluice::backend {

/// A computation that may wait for others: a coroutine that starts suspended. Its frame is on the heap, so a chain of
/// thousands that wait for each other takes no stack; whoever holds them resumes the innermost.
template <typename Result>
class Task {
 public:
  struct promise_type;
  using Handle = std::coroutine_handle<promise_type>;

  struct promise_type {
    Result result{};

    Task get_return_object() { return Task(Handle::from_promise(*this)); }
    std::suspend_always initial_suspend() noexcept { return {}; }
    std::suspend_always final_suspend() noexcept { return {}; }
    void return_value(Result value) { result = std::move(value); }
    void unhandled_exception() { throw; }
  };

  Task(Task&& other) noexcept : handle_(std::exchange(other.handle_, {})) {}
  Task& operator=(Task&&) = delete;
  ~Task() {
    if (handle_) handle_.destroy();
  }

  /// Runs until it waits or returns; true: it has returned.
  bool resume() {
    handle_.resume();
    return handle_.done();
  }
  const Result& result() const { return handle_.promise().result; }

 private:
  explicit Task(Handle handle) : handle_(handle) {}

  Handle handle_;
};

}  // namespace sluice::backend
