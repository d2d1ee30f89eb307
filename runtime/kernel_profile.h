#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ir/cost.h"
#include "ir/graph.h"
#include "runtime/machine.h"

namespace sluice::backend {
struct Buffer;
struct KernelPlan;
struct Plan;
}  // namespace sluice::backend

namespace sluice::runtime {

/// The bytes of the elements of a value where B is `batch_size`.
std::int64_t bytes_of(const Type& type, std::int64_t batch_size);
/// The bytes of memory that a buffer takes, with what its layout leaves between elements.
std::int64_t bytes_of(const backend::Buffer& buffer, std::int64_t batch_size);

/// What a kernel does, and what it reads and writes, each buffer once.
ir::Cost cost_of(const backend::Plan& plan, const backend::KernelPlan& kernel, std::int64_t batch_size);

/// The ops of a kernel's body in the order of their first use: "matmul, 3 mul, relu"; empty for a copy.
std::string ops_of(const ir::Graph& body);

/// The users' lines that a kernel comes from, see runtime/locations.h.
std::string lines_of_kernel(const backend::KernelPlan& kernel);

/// A kernel of a compiled step, and how it did.
struct KernelProfile {
  std::string name;
  std::string ops;
  std::string lines;
  ir::Cost cost;
  double seconds = 0;        ///< the least of the steps
  double least_seconds = 0;  ///< that the machine needs for its arithmetic, or for its memory if that takes longer
  bool bound_by_arithmetic = false;

  /// 1 where the kernel is as fast as the machine allows.
  double share_of_peak() const { return seconds > 0 ? least_seconds / seconds : 0; }
};

/// A compiled step, kernel by kernel.
struct StepProfile {
  std::string name;
  std::int64_t batch_size = 0;
  int threads = 0;
  Machine machine;
  std::vector<KernelProfile> kernels;

  double seconds() const;  ///< of all kernels, one after the other
  double flops() const;
};

/// Compiles `traced` and runs `repeat` steps of it with B = `batch_size` on random inputs and on variables of its own,
/// and measures the machine: some tenths of a second. Throws Error if it cannot be compiled.
StepProfile profile_step(const ir::Graph& traced, std::int64_t batch_size, int repeat = 20);

}  // namespace sluice::runtime
