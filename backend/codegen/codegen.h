#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "backend/plan.h"

namespace sluice::backend {

/// Machine code for kernels, as a relocatable object file in memory.
using ObjectCode = std::vector<char>;

/// Works on the units begin <= u < end. `buffers` has a pointer for each buffer of the plan; `scratch` is the calling
/// thread's own.
using KernelFunction = void (*)(std::byte* const* buffers, std::int64_t batch, std::byte* scratch, std::int64_t begin,
                                std::int64_t end);

/// The symbol of kernel `index`.
std::string kernel_symbol(std::size_t index);

/// Generates the kernels first <= k < last of `plan`.
struct Generated {
  ObjectCode object;
  std::string llvm_ir;  ///< only if `keep_text`
};
Generated generate_kernels(const Plan& plan, std::size_t first, std::size_t last, const Target& target, bool keep_text);

}  // namespace sluice::backend
