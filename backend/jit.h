#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "backend/codegen/codegen.h"

namespace sluice::backend {

/// Object files linked into this process, as long as the Jit lives.
class Jit {
 public:
  /// Who is told of the code. Debuggers and profilers learn lines from objects with DWARF.
  struct Visible {
    bool to_debugger = false;
    std::filesystem::path dump = {};  ///< the folder of the JitDump to add it to; empty: none
    /// The names in the dump of symbols that are to have others.
    std::map<std::string, std::string> names = {};
  };

  explicit Jit(const std::vector<ObjectCode>& objects) : Jit(objects, Visible{}) {}
  Jit(const std::vector<ObjectCode>& objects, const Visible& visible);
  ~Jit();
  Jit(const Jit&) = delete;
  Jit& operator=(const Jit&) = delete;

  /// The address of an exported symbol.
  void* lookup(const std::string& symbol) const;

 private:
  struct Implementation;
  std::unique_ptr<Implementation> implementation_;
};

}  // namespace sluice::backend
