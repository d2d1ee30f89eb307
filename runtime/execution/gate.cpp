#include "runtime/execution/gate.h"

#include <pthread.h>

#include <atomic>
#include <bit>
#include <chrono>
#include <cstdlib>
#include <thread>

#include "sluice/runtime/wait_word.h"

namespace sluice::runtime {

namespace {

constexpr std::chrono::seconds kLongestWait{10};  // in case a thread waits for the one that forks or exits
constexpr std::chrono::microseconds kBetweenLooks{50};

// Trivially destructible: static destructors may call functions, and threads may outlive them.
struct Gate {
  alignas(64) std::atomic<int> inside{0};  ///< threads that hold a pass
  alignas(64) WaitWord closed;             ///< how many keep it closed
};

Gate gate;
std::atomic<int> generation{0};
std::atomic<bool> ending{false};
thread_local int passes = 0;
thread_local bool ends_the_process = false;

void enter() {
  while (true) {
    // Sequentially consistent, as close() is: either it sees this thread inside, or this thread sees it closed.
    gate.inside.fetch_add(1);
    if (gate.closed.add(0) == 0 || ends_the_process) return;
    gate.inside.fetch_sub(1);
    gate.closed.sleep_until([](std::uint32_t closed) { return closed == 0; });
  }
}

void close() {
  gate.closed.add(1);
  if (passes > 0) return;  // threads inside may wait for a lock that this thread holds
  const auto deadline = std::chrono::steady_clock::now() + kLongestWait;
  while (gate.inside.load() > 0 && std::chrono::steady_clock::now() < deadline) {
    std::this_thread::sleep_for(kBetweenLooks);
  }
}

void open() {
  gate.closed.add(static_cast<std::uint32_t>(-1));
  gate.closed.wake();
}

void open_in_child() {
  gate.inside.store(passes > 0 ? 1 : 0);
  gate.closed.store(ends_the_process ? 1 : 0);
  generation.fetch_add(1);
}

void close_for_good() {
  if (ending) return;
  close();
  ends_the_process = true;
  ending = true;
}

bool watch_process() {
  pthread_atfork(close, open, open_in_child);
  std::atexit(close_for_good);
  return true;
}

}  // namespace

GatePass::GatePass() {
  static const bool watched = watch_process();
  static_cast<void>(watched);
  if (passes++ == 0) enter();
}

GatePass::~GatePass() {
  if (--passes == 0) gate.inside.fetch_sub(1);
}

void close_gate_at_exit() {
  // Handlers run in reverse order of registration. Compilations construct fewer and fewer statics.
  static std::atomic<unsigned> calls{0};
  if (std::has_single_bit(++calls)) std::atexit(close_for_good);
}

bool process_ends() { return ending; }

int process_generation() { return generation.load(std::memory_order_relaxed); }

}  // namespace sluice::runtime
