#include "frontend/train/interrupt.h"

#include <atomic>

#include "ir/error.h"

namespace sluice {

namespace {

std::atomic<bool> interrupted = false;
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler may touch nothing else");

}  // namespace

InterruptGuard::InterruptGuard() {
  interrupted = false;
  struct sigaction action{};
  action.sa_handler = [](int) { interrupted = true; };
  // The first signal puts the default back, by which the next one ends the process.
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_RESTART);
  const int status = sigaction(SIGINT, &action, &before_);
  SLUICE_CHECK(status == 0, "sigaction");
  // Whoever started the process wants it to be deaf, as nohup does for hang-ups.
  if (before_.sa_handler == SIG_IGN) sigaction(SIGINT, &before_, nullptr);
}

InterruptGuard::~InterruptGuard() { sigaction(SIGINT, &before_, nullptr); }

bool InterruptGuard::happened() { return interrupted; }

}  // namespace sluice
