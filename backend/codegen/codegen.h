#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "backend/plan.h"

namespace sluice::backend {

/// Machine code for kernels, as a relocatable object file in memory.
using ObjectCode = std::vector<char>;

/// The symbol of kernel `index`.
std::string kernel_symbol(std::size_t index);

/// What to keep of the way to machine code, for people to read.
struct KeepTexts {
  bool llvm_ir = false;
  bool assembly = false;  ///< costs a second run of LLVM's code generator
};

/// Generates the kernels first <= k < last of `plan`.
struct Generated {
  ObjectCode object;
  std::string llvm_ir;   ///< only if asked for
  std::string assembly;  ///< only if asked for
};
Generated generate_kernels(const Plan& plan, std::size_t first, std::size_t last, const Target& target, KeepTexts keep);

}  // namespace sluice::backend
