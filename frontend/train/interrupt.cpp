#include "sluice/interrupt.h"

#include <atomic>
#include <utility>

#include "sluice/error.h"

namespace sluice {

namespace {

std::atomic<int> received = 0;
static_assert(std::atomic<int>::is_always_lock_free, "a signal handler may touch nothing else");

bool guarded = false;

void note(int signal) {
  if (received.exchange(signal) == 0) return;
  // The second signal: it is raised again when this handler returns, and then ends the process.
  std::signal(signal, SIG_DFL);
  std::raise(signal);
}

}  // namespace

InterruptGuard::InterruptGuard() : outermost_(!std::exchange(guarded, true)) {
  if (!outermost_) return;
  received = 0;
  struct sigaction action {};
  action.sa_handler = note;
  action.sa_flags = SA_RESTART;
  for (std::size_t i = 0; i < kSignals.size(); ++i) {
    const int status = sigaction(kSignals[i], &action, &before_[i]);
    SLUICE_CHECK(status == 0, "sigaction");
    // The parent wants the signal ignored, as nohup does for hang-ups.
    if (before_[i].sa_handler == SIG_IGN) sigaction(kSignals[i], &before_[i], nullptr);
  }
}

InterruptGuard::~InterruptGuard() {
  if (!outermost_) return;
  guarded = false;
  for (std::size_t i = 0; i < kSignals.size(); ++i) sigaction(kSignals[i], &before_[i], nullptr);
}

int InterruptGuard::signal() { return received; }

}  // namespace sluice
