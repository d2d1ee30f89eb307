#pragma once

#include <csignal>

namespace sluice {

/// While it lives, the first Ctrl-C (SIGINT) does not end the process but is told by happened(), so that a loop can
/// come to a good end; the second ends it at once. One at a time in a process.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  static bool happened();

 private:
  struct sigaction before_{};
};

}  // namespace sluice
