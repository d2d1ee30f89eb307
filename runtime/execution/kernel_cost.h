#pragma once

#include <cstdint>
#include <string>

#include "sluice/ir/cost.h"
#include "sluice/ir/graph.h"

namespace sluice::backend {
struct Buffer;
struct KernelPlan;
struct Plan;
}  // namespace sluice::backend

namespace sluice::runtime {

/// The bytes of the elements of a value with these sizes.
std::int64_t bytes_of(const Type& type, const Bindings& bindings);
/// Returns the bytes of memory that a buffer takes, including the padding of its layout.
std::int64_t bytes_of(const backend::Buffer& buffer, const Bindings& bindings);

/// Returns the operations of a kernel and the bytes it reads and writes, each buffer once.
ir::Cost cost_of(const backend::Plan& plan, const backend::KernelPlan& kernel, const Bindings& bindings);

/// Returns the ops of a kernel's body in the order of their first use: "matmul, 3 mul, relu"; empty for a copy.
std::string ops_of(const ir::Graph& body);

/// Returns the users' lines that a kernel comes from; see runtime/execution/locations.h.
std::string lines_of_kernel(const backend::KernelPlan& kernel);

}  // namespace sluice::runtime
