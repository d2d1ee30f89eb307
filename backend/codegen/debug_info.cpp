#include "backend/codegen/debug_info.h"

#include <fmt/format.h>
#include <llvm/BinaryFormat/Dwarf.h>
#include <llvm/IR/DebugInfoMetadata.h>

#include <filesystem>
#include <system_error>

#include "backend/codegen/codegen.h"
#include "ir/value_numbers.h"

namespace sluice::backend {

namespace fs = std::filesystem;

namespace {

/// Where sources with relative names are looked for: the compiler does not say what they are relative to.
std::string working_folder() {
  std::error_code error;
  const fs::path folder = fs::current_path(error);
  return error ? std::string() : folder.string();
}

}  // namespace

DebugInfo::DebugInfo(llvm::Module& module) : context_(module.getContext()), builder_(module) {
  module.addModuleFlag(llvm::Module::Warning, "Debug Info Version", llvm::DEBUG_METADATA_VERSION);
  module.addModuleFlag(llvm::Module::Warning, "Dwarf Version", 4);
  // Of C, so that debuggers take names as they are.
  unit_ = builder_.createCompileUnit(llvm::dwarf::DW_LANG_C99,
                                     builder_.createFile(module.getModuleIdentifier(), working_folder()), "Sluice",
                                     true, "", 0);
}

llvm::DIFile* DebugInfo::file_of(const Location& location) {
  if (!location.known()) return unit_->getFile();
  const fs::path path(location.file);
  if (path.is_absolute()) return builder_.createFile(path.filename().string(), path.parent_path().string());
  return builder_.createFile(path.string(), unit_->getDirectory());
}

llvm::DISubprogram* DebugInfo::subprogram(const std::string& name, const Location& at) {
  llvm::DIFile* const file = file_of(at);
  auto* const type = builder_.createSubroutineType(builder_.getOrCreateTypeArray({}));
  return builder_.createFunction(file, name, "", file, at.line, type, at.line, llvm::DINode::FlagZero,
                                 llvm::DISubprogram::SPFlagDefinition | llvm::DISubprogram::SPFlagOptimized);
}

llvm::DILocation* DebugInfo::place(const Location& at, llvm::DISubprogram* scope, llvm::DILocation* inlined_at) {
  llvm::DIFile* const file = file_of(at);
  llvm::DIScope* const in =
      file == scope->getFile() ? static_cast<llvm::DIScope*>(scope) : builder_.createLexicalBlockFile(scope, file, 0);
  return llvm::DILocation::get(context_, at.line, at.column, in, inlined_at);
}

void DebugInfo::begin_kernel(const Plan& plan, std::size_t number, llvm::Function& function) {
  name_ = plan.name;
  kernel_ = &plan.kernels[number];
  function_ = &function;
  nodes_.clear();
  sites_.clear();
  numbers_.clear();
  std::size_t next = 0;
  for (const ir::Node& node : kernel_->body->nodes()) {
    numbers_.push_back(next);
    next += ir::numbers_of(node);
  }
  const Location line = ir::user_location(kernel_->origins);
  function.setSubprogram(subprogram(kernel_title(plan, number), line));
}

void DebugInfo::add_helper(llvm::Function& function) {
  function.setSubprogram(subprogram(function.getName().str(), ir::user_location(kernel_->origins)));
}

DebugInfo::Lines DebugInfo::lines_of(const ir::Node& node) const {
  for (const ir::Origins* origins : {&node.origins, &kernel_->origins}) {
    for (const ir::Origin& origin : *origins) {
      if (origin.stack == nullptr || !origin.stack->user().known()) continue;
      const std::vector<Location>& frames = origin.stack->frames;
      const auto user = frames.begin() + static_cast<std::ptrdiff_t>(origin.stack->user_frame);
      return {{user, frames.end()}, origin.gradient};
    }
  }
  return {};
}

llvm::DISubprogram* DebugInfo::subprogram_of(const ir::Node& node, const Lines& lines) {
  llvm::DISubprogram*& made = nodes_[&node];
  if (made == nullptr) {
    const std::size_t number = numbers_[static_cast<std::size_t>(&node - kernel_->body->nodes().data())];
    made = subprogram(fmt::format("%{} {}{}", number, ir::to_string(node.op), lines.gradient ? " (gradient)" : ""),
                      lines.frames.front());
  }
  return made;
}

llvm::DebugLoc DebugInfo::location(const ir::Node& node, const llvm::Function& function) {
  llvm::DISubprogram* const in = function.getSubprogram();
  const Lines lines = lines_of(node);
  if (lines.frames.empty()) return place({}, in, nullptr);
  if (&function != function_) return place(lines.frames.front(), in, nullptr);
  llvm::DILocation*& site = sites_[{lines.frames.back().file, lines.frames.back().line}];
  if (site == nullptr) {
    const llvm::DILocation* const outermost = place(lines.frames.back(), in, nullptr);
    site = llvm::DILocation::getDistinct(context_, outermost->getLine(), outermost->getColumn(), outermost->getScope());
  }
  llvm::DILocation* at = site;
  for (std::size_t i = lines.frames.size(); i-- > 2;) {  // the last is in the kernel, the first in the node
    const Location& frame = lines.frames[i - 1];
    llvm::DISubprogram*& caller = callers_[{frame.file, frame.line}];
    if (caller == nullptr) caller = subprogram("@" + name_, frame);
    at = place(frame, caller, at);
  }
  return place(lines.frames.front(), subprogram_of(node, lines), at);
}

void DebugInfo::finish() { builder_.finalize(); }

}  // namespace sluice::backend
