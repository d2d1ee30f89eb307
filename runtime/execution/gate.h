#pragma once

namespace sluice::runtime {

/// A pass through the process's gate: while a thread holds one, fork() and exit() in other threads wait. So a child
/// process finds every lock taken behind the gate free, and no static is destroyed during a step. fork() and exit()
/// wait at most ten seconds, and not at all if their thread holds a pass itself. Once the process is ending, only the
/// thread that ends it gets passes; others that request one sleep until the process is gone. A thread may hold several.
class GatePass {
 public:
  GatePass();
  ~GatePass();
  GatePass(const GatePass&) = delete;
  GatePass& operator=(const GatePass&) = delete;
};

/// Makes process exit close the gate before it destroys any static constructed so far. Called after each compilation,
/// in which LLVM may have constructed some.
void close_gate_at_exit();

/// Returns whether process exit has begun: statics, including LLVM's, may have been destroyed.
bool process_ends();

/// Returns how many fork()s separate this process from the original one: a thread started under another number does not
/// exist here.
int process_generation();

}  // namespace sluice::runtime
