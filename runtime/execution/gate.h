#pragma once

namespace sluice::runtime {

/// A pass through the gate of the process: while a thread has one, fork() and exit() in other threads wait. So a child
/// finds every lock free that is taken behind the gate, and no static is destroyed under a step. Who forks or exits
/// waits ten seconds at most, and not at all if it has a pass itself. Once the process ends, only the thread that ends
/// it gets passes; others that ask for one sleep until the process is gone. A thread may have several.
class GatePass {
 public:
  GatePass();
  ~GatePass();
  GatePass(const GatePass&) = delete;
  GatePass& operator=(const GatePass&) = delete;
};

/// Makes the end of the process close the gate before it destroys any static that has been made until now. Called after
/// each compilation, in which LLVM may have made some.
void close_gate_at_exit();

/// Whether the process has begun to end: statics, those of LLVM too, may have been destroyed.
bool process_ends();

/// How many fork()s lie between this process and the one that was started: a thread that was started under another
/// number does not exist here.
int process_generation();

}  // namespace sluice::runtime
