#pragma once

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "backend/codegen/codegen.h"
#include "sluice/error.h"

namespace sluice::backend {

/// Where code from `address` to the next such entry comes from: the node ("%2 relu"), or a function that kernels call,
/// and the model's line. Empty where a function has ended.
struct CodeLine {
  std::uintptr_t address = 0;
  std::string node;
  Location line;
};

/// Object files linked into this process, as long as the Jit lives.
class Jit {
 public:
  /// Who is told of the code.
  struct Visible {
    bool to_debugger = false;         ///< the objects have DWARF, which is shown to gdb
    std::filesystem::path dump = {};  ///< the folder of the JitDump to add the code to then; empty: none
    /// The names in the dump of symbols that are to have others.
    std::map<std::string, std::string> names = {};
  };

  explicit Jit(const std::vector<ObjectCode>& objects) : Jit(objects, Visible{}) {}
  Jit(const std::vector<ObjectCode>& objects, const Visible& visible);
  ~Jit();
  Jit(const Jit&) = delete;
  Jit& operator=(const Jit&) = delete;

  /// The lines of all code so far, by address; none without debug information.
  std::vector<CodeLine> code_lines() const;

  /// The address of an exported symbol.
  void* lookup(const std::string& symbol) const;

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace sluice::backend
