#pragma once

#include <array>
#include <csignal>

namespace sluice {

/// While an instance exists, the first Ctrl-C (SIGINT), termination request (SIGTERM, sent by kill, timeout and batch
/// systems) or hang-up (SIGHUP, when the terminal or the connection closes) does not end the process but is reported by
/// signal(), so that a loop can end cleanly; the second one ends it at once. A guard created while another exists, as
/// Trainer::fit does in a program with its own guard, reports what has arrived since the outer one was created. All
/// guards of a process must be created in one thread.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;

  /// Returns the number of the signal that has arrived since the outermost guard was created, or 0. A program that ends
  /// because of it exits with 128 + signal(), as is the convention in shells.
  static int signal();
  static bool happened() { return signal() != 0; }

 private:
  static constexpr std::array kSignals{SIGINT, SIGTERM, SIGHUP};

  bool outermost_;
  std::array<struct sigaction, kSignals.size()> before_{};  ///< of the outermost
};

}  // namespace sluice
