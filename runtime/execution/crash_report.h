#pragma once

#include <cstddef>

#include "backend/compile.h"

namespace sluice::runtime {

/// The kernel that a thread is running. A report takes its names from the plan, which a stripped program has as well,
/// and kernels that share code are told apart.
struct RunningKernel {
  const backend::Program* program = nullptr;  ///< null: the thread runs no kernel
  std::size_t kernel = 0;
};

/// Of this thread. At a fixed offset from the thread's pointer: a signal handler must not allocate it.
extern thread_local constinit RunningKernel running_kernel [[gnu::tls_model("initial-exec")]];

/// Names `kernel` of `program` as the one that this thread is running, during its lifetime.
class RunsKernel {
 public:
  RunsKernel(const backend::Program& program, std::size_t kernel) { running_kernel = {&program, kernel}; }
  ~RunsKernel() { running_kernel.program = nullptr; }
  RunsKernel(const RunsKernel&) = delete;
  RunsKernel& operator=(const RunsKernel&) = delete;
};

/// From now on, a SIGSEGV, SIGBUS, SIGFPE or SIGILL that a kernel causes prints the kernel, its nodes and the model's
/// lines to standard error (with debug information also which node it was) before it ends the process as it would have.
/// A signal that is ignored or that somebody else handles (a sanitizer, the program) is left to them. Does nothing
/// after the first call.
void report_crashes();

/// Lets the handler of report_crashes() run on a stack of its own in this thread, during its lifetime, so that it can
/// report the overflow of the thread's stack. Does nothing if the thread has such a stack.
class AlternateStack {
 public:
  AlternateStack();
  ~AlternateStack();
  AlternateStack(const AlternateStack&) = delete;
  AlternateStack& operator=(const AlternateStack&) = delete;

 private:
  void* memory_ = nullptr;
};

}  // namespace sluice::runtime
