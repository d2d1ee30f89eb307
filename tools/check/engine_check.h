#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "backend/compile.h"
#include "passes/check.h"
#include "sluice/runtime/executable.h"

namespace sluice::tools {

/// Compares compiled code with the interpreter, for any number of threads.
class EngineCheck {
 public:
  struct Options {
    std::vector<int> threads = {1, 2, 3};
    /// The planner and the code generator to check; none: Sluice's own.
    std::function<backend::Plan(const ir::Graph& traced)> plan = {};
    std::function<std::shared_ptr<const backend::Program>(const backend::Plan& plan)> compile = {};
    /// Enables the search for the kernel and the node responsible for a difference. A reducer only needs to know
    /// whether there is one.
    bool locate = true;
  };

  /// Compiles `graph`, which may have gradients, and checks its plan.
  EngineCheck(const ir::Graph& graph, Options options);
  ~EngineCheck();

  /// Returns the first difference from `expected`, or between numbers of threads, for one sample, and names the kernel.
  /// `graph` is the one without gradients that `expected` belongs to; it is truncated to find the node.
  std::optional<passes::Difference> check(const ir::Graph& graph, const passes::Sample& sample,
                                          std::span<const passes::Expected> expected);

 private:
  struct Compiled;

  Options options_;
  std::unique_ptr<Compiled> compiled_;
};

struct FullCheckOptions {
  passes::CheckOptions passes = {};
  EngineCheck::Options engine = {};
  bool jit = true;
};

/// Checks the passes first, then compiled code, as `sluice check` and `sluice fuzz` do.
passes::CheckReport check_graph(const ir::Graph& traced, const FullCheckOptions& options = {});

}  // namespace sluice::tools
