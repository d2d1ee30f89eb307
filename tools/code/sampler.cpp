#include "tools/code/sampler.h"

#include <signal.h>
#include <time.h>
#include <ucontext.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <string>
#include <system_error>

#include "sluice/error.h"

namespace sluice::tools {

namespace {

constexpr long kPeriod = 197'000;  // nanoseconds; no multiple of anything that repeats

// What the handler uses: it must not allocate or lock.
std::atomic<std::uintptr_t*> noted{nullptr};
std::atomic<std::size_t> count{0};
std::size_t capacity = 0;

std::uintptr_t program_counter(const ucontext_t& context) {
#if defined(__x86_64__)
  return static_cast<std::uintptr_t>(context.uc_mcontext.gregs[REG_RIP]);
#elif defined(__aarch64__)
  return context.uc_mcontext.pc;
#else
#error "where is the program counter?"
#endif
}

void note(int, siginfo_t*, void* context) {
  std::uintptr_t* const to = noted.load(std::memory_order_acquire);
  if (to == nullptr) return;
  const std::size_t place = count.fetch_add(1, std::memory_order_relaxed);
  if (place < capacity) to[place] = program_counter(*static_cast<const ucontext_t*>(context));
}

std::vector<pid_t> threads_of_process() {
  std::vector<pid_t> threads;
  for (const auto& entry : std::filesystem::directory_iterator("/proc/self/task"))
    threads.push_back(std::stoi(entry.path().filename().string()));
  return threads;
}

}  // namespace

struct Sampler::Timers {
  std::vector<timer_t> timers;
  struct sigaction before {};

  explicit Timers(const std::vector<pid_t>& threads) {
    struct sigaction action {};
    action.sa_sigaction = note;
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    sigaction(SIGPROF, &action, &before);
    for (const pid_t thread : threads) {
      sigevent event{};
      event.sigev_notify = SIGEV_THREAD_ID;
      event.sigev_signo = SIGPROF;
      event._sigev_un._tid = thread;  // sigev_notify_thread_id, which not every libc names
      timer_t timer{};
      if (timer_create(CLOCK_MONOTONIC, &event, &timer) != 0) continue;  // it may have ended
      timers.push_back(timer);
      const timespec period{0, kPeriod};
      const itimerspec every{period, period};
      timer_settime(timer, 0, &every, nullptr);
    }
  }

  ~Timers() {
    for (const timer_t timer : timers) timer_delete(timer);
    // Discards signals that are still pending, which might end the process otherwise.
    struct sigaction ignore {};
    ignore.sa_handler = SIG_IGN;
    sigaction(SIGPROF, &ignore, nullptr);
    sigaction(SIGPROF, &before, nullptr);
  }

  Timers(const Timers&) = delete;
  Timers& operator=(const Timers&) = delete;
};

Sampler::Sampler(std::size_t most) : addresses_(most) {
  SLUICE_CHECK(noted.load() == nullptr, "two samplers at once");
  capacity = most;
  count = 0;
  noted = addresses_.data();
  timers_ = new Timers(threads_of_process());
  if (!timers_->timers.empty()) return;
  const std::string reason = std::error_code(errno, std::generic_category()).message();
  stop();
  fail("the system has no timers to sample with: {}", reason);
}

Sampler::~Sampler() { stop(); }

std::vector<std::uintptr_t> Sampler::stop() {
  if (timers_ == nullptr) return {};
  delete timers_;
  timers_ = nullptr;
  noted = nullptr;
  addresses_.resize(std::min(count.load(), capacity));
  return std::move(addresses_);
}

}  // namespace sluice::tools
