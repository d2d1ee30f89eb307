#pragma once

#include <string>
#include <vector>

#include "backend/codegen/codegen.h"
#include "backend/plan.h"

namespace sluice::tools {

/// A line of code and the model's line that it comes from.
struct TracedLine {
  std::string text;
  std::string from;  ///< "model.cpp:12", or empty if that is not known
  std::string node;  ///< "%2 relu", of the kernel's body, or empty
};

struct KernelCode {
  std::string name;
  std::vector<TracedLine> llvm_ir;
  std::vector<TracedLine> assembly;  ///< labels and instructions; nodes are not known
  backend::ObjectCode object;        ///< the machine code
};

/// Returns the code of each kernel of a plan for this machine.
std::vector<KernelCode> code_of_kernels(const backend::Plan& plan);

/// Returns the functions of a module with debug information as LLVM prints it.
std::vector<TracedLine> traced_llvm_ir(const std::string& text);
/// Returns the functions of an assembly with debug information as LLVM prints it.
std::vector<TracedLine> traced_assembly(const std::string& text);

}  // namespace sluice::tools
