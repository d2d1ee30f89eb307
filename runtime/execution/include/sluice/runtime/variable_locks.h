#pragma once

#include <vector>

#include "sluice/ir/graph.h"
#include "sluice/runtime/variable.h"

namespace sluice::runtime {

/// The locks of one graph's variables: shared where a step only reads, exclusive where it updates. They are taken in
/// the order of their addresses, so that steps that share variables cannot deadlock.
class VariableLocks {
 public:
  VariableLocks(const ir::Graph& graph, const Variables& variables);

  void lock() const;
  void unlock() const;

 private:
  struct Entry {
    VariableStorage* variable;
    bool writes;
  };
  std::vector<Entry> entries_;
};

}  // namespace sluice::runtime
