#pragma once

#include <fmt/format.h>
#include <sluice/error.h>
#include <sluice/interrupt.h>

#include <concepts>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string>
#include <string_view>

// The common part of the examples' main functions.

/// Runs `program` and returns the exit status: what it returns, or 0 if that is nothing. If it throws, or its output
/// could not be written, prints that to stderr, after the program's name.
template <std::invocable Program>
int example_main(std::string_view name, const Program& program) {
  try {
    int status = EXIT_SUCCESS;
    if constexpr (std::convertible_to<std::invoke_result_t<const Program&>, int>) {
      status = program();
    } else {
      program();
    }
    if (std::fflush(stdout) != 0) sluice::fail("stdout: cannot write");
    return status;
  } catch (const std::exception& error) {
    sluice::print_to_stderr("{}: {}\n", name, error.what());
    return EXIT_FAILURE;
  }
}

/// Reports that a signal has ended the program, which holds an InterruptGuard, and what is left of its work. Returns
/// the exit status: 130 after Ctrl-C, 143 after SIGTERM, 129 after SIGHUP.
inline int end_by_signal(std::string_view name, const std::string& what_is_left) {
  constexpr int kExitBySignal = 128;  // plus the signal's number
  sluice::print_to_stderr("{}: interrupted; {}\n", name, what_is_left);
  return kExitBySignal + sluice::InterruptGuard::signal();
}
