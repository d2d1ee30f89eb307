#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backend/plan.h"

namespace sluice::backend {

/// Machine code for kernels, as a relocatable object file in memory.
using ObjectCode = std::vector<char>;

/// The symbol of kernel `index`.
std::string kernel_symbol(std::size_t index);
/// Its name in debuggers and profilers: "train_step.matmul_add_relu_1".
std::string kernel_title(const Plan& plan, std::size_t index);

/// The intermediate texts of code generation to keep for people to read.
struct KeepTexts {
  bool llvm_ir = false;
  bool assembly = false;  ///< costs a second run of LLVM's code generator
};

struct Generated {
  ObjectCode object;
  std::string llvm_ir;   ///< only if asked for
  std::string assembly;  ///< only if asked for
};
/// Generates the kernels of `plan` with these numbers. `debug_info`: with DWARF that leads from the code to the nodes
/// and the model's lines, with frame pointers, and with functions of its own for each kernel.
Generated generate_kernels(const Plan& plan, std::span<const std::size_t> kernels, const Target& target, KeepTexts keep,
                           bool debug_info = false);

}  // namespace sluice::backend
