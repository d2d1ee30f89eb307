#pragma once

#include <array>
#include <csignal>

namespace sluice {

/// While it lives, the first Ctrl-C (SIGINT), request to end (SIGTERM, as kill, timeout and batch systems send it) or
/// hang-up (SIGHUP, where the terminal or the connection is closed) does not end the process but is told by signal(),
/// so that a loop can come to a good end; the second ends it at once. One that is made while another lives, as
/// Trainer::fit makes one in a program that has its own, tells what came since that one was made. All of a process are
/// made in one thread.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  /// The number of the signal that came since a guard was made where there was none; 0: none did. A program that ends
  /// because of it exits with 128 + signal(), as shells count.
  static int signal();
  static bool happened() { return signal() != 0; }

 private:
  static constexpr std::array kSignals{SIGINT, SIGTERM, SIGHUP};

  bool outermost_;
  std::array<struct sigaction, kSignals.size()> before_{};  ///< of the outermost
};

}  // namespace sluice
