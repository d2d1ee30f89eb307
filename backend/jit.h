#pragma once

#include <memory>
#include <string>
#include <vector>

#include "backend/codegen/codegen.h"

namespace sluice::backend {

/// Object files linked into this process, as long as the Jit lives.
class Jit {
 public:
  /// `debug_info`: the objects have DWARF, which is shown to the debugger of the process.
  explicit Jit(const std::vector<ObjectCode>& objects, bool debug_info = false);
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
