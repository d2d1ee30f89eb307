#pragma once

#include <cstdint>
#include <vector>

#include "sluice/ir/graph.h"
#include "tools/code/kernel_code.h"

namespace sluice::tools {

/// How often threads were seen at each instruction of a kernel.
struct HotCode {
  std::int64_t samples = 0;           ///< in the kernel
  std::vector<std::int64_t> of_line;  ///< for each line of its assembly; empty: its instructions are not known
};

/// Runs a graph for some seconds on random inputs, on the threads of the process's team, and samples its kernels.
/// `code` is that of all kernels of `plan`, which was made of `traced`. Returns one entry a kernel.
std::vector<HotCode> sample_kernels(const ir::Graph& traced, const backend::Plan& plan,
                                    const std::vector<KernelCode>& code, const Bindings& sizes, double seconds);

}  // namespace sluice::tools
