#pragma once

#include <llvm/IR/DIBuilder.h>
#include <llvm/IR/Module.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "backend/plan.h"

namespace sluice::backend {

/// The DWARF of one module of kernels. An instruction that belongs to a node of the graph has a location at the model's
/// line, in a subprogram that is named after the node ("%2 relu") and counts as inlined: into the lines of the model
/// that led to that one, in subprograms named after the graph ("@train_step"), and these into the kernel. So a debugger
/// stops at a line of the model, and its backtrace shows node, model and kernel.
class DebugInfo {
 public:
  explicit DebugInfo(llvm::Module& module);

  /// Opens the kernel that is number `number` of `plan`. `function` is its code.
  void begin_kernel(const Plan& plan, std::size_t number, llvm::Function& function);
  /// Opens one of several copies of the code of the kernel's nodes: for whole vectors, for the rest of a row. Debuggers
  /// set a breakpoint at a line once per inlined call, so each copy counts as a call of its own.
  void begin_copy() { sites_.clear(); }
  /// Describes a function that the open kernel calls.
  void add_helper(llvm::Function& function);
  /// Returns the location of `function`'s code for `node`, which is of the open kernel's body.
  llvm::DebugLoc location(const ir::Node& node, const llvm::Function& function);
  /// Completes the module, which the verifier accepts from then on.
  void finish();

 private:
  /// The lines of the model that a node comes from, innermost first, and whether it is part of their derivative.
  struct Lines {
    std::vector<Location> frames;
    bool gradient = false;
  };
  Lines lines_of(const ir::Node& node) const;

  llvm::DIFile* file_of(const Location& location);
  llvm::DISubprogram* subprogram(const std::string& name, const Location& at);
  llvm::DISubprogram* subprogram_of(const ir::Node& node, const Lines& lines);
  /// `at` in the code of `scope`, inlined there if that is not null.
  llvm::DILocation* place(const Location& at, llvm::DISubprogram* scope, llvm::DILocation* inlined_at);

  llvm::LLVMContext& context_;
  llvm::DIBuilder builder_;
  llvm::DICompileUnit* unit_ = nullptr;
  std::string name_;  ///< of the graph
  const KernelPlan* kernel_ = nullptr;
  const llvm::Function* function_ = nullptr;  ///< the kernel's
  std::vector<std::size_t> numbers_;          ///< of its body's nodes in the text
  std::map<const ir::Node*, llvm::DISubprogram*> nodes_;
  using Line = std::pair<std::string_view, std::uint32_t>;  ///< of a file
  std::map<Line, llvm::DISubprogram*> callers_;
  std::map<Line, llvm::DILocation*> sites_;  ///< of the kernel that the code of the open copy is inlined at
};

}  // namespace sluice::backend
