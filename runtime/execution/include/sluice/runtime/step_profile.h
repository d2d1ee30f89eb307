#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sluice/ir/cost.h"
#include "sluice/ir/graph.h"
#include "sluice/runtime/machine.h"

namespace sluice::runtime {

/// A kernel of a compiled step and its performance.
struct KernelProfile {
  std::string name;
  std::string ops;
  std::string lines;
  ir::Cost cost;
  double seconds = 0;        ///< the minimum over the steps
  double least_seconds = 0;  ///< that the machine needs, for arithmetic or for memory traffic, whichever is more
  bool bound_by_arithmetic = false;

  /// Returns 1 if the kernel is as fast as the machine allows.
  double share_of_peak() const { return seconds > 0 ? least_seconds / seconds : 0; }
};

/// A compiled step, kernel by kernel.
struct StepProfile {
  std::string name;
  Bindings bindings;
  int threads = 0;
  Machine machine;
  std::vector<KernelProfile> kernels;

  double seconds() const;  ///< of all kernels, one after the other
  double flops() const;
};

/// Compiles `traced` and runs `repeat` steps of it with these sizes on random inputs and on variables of its own,
/// and measures the machine: some tenths of a second. Throws Error if it cannot be compiled.
StepProfile profile_step(const ir::Graph& traced, const Bindings& bindings, int repeat = 20);

}  // namespace sluice::runtime
