#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "backend/compile.h"
#include "passes/check.h"
#include "sluice/runtime/executable.h"

namespace sluice::tools {

/// Holds compiled code against the interpreter, for any number of threads.
class EngineCheck {
 public:
  struct Options {
    std::vector<int> threads = {1, 2, 3};
    /// The planner and the code generator to check; none: Sluice's own.
    std::function<backend::Plan(const ir::Graph& traced)> plan = {};
    std::function<std::shared_ptr<const backend::Program>(const backend::Plan& plan)> compile = {};
    /// Whether to search for the kernel and the node that a difference names. A reducer only asks whether there is one.
    bool locate = true;
  };

  /// Compiles `graph`, which may have gradients, and checks its plan.
  EngineCheck(const ir::Graph& graph, Options options);
  ~EngineCheck();

  /// The first difference from `expected`, or between numbers of threads, for one sample. `graph` is the one without
  /// gradients that `expected` belongs to: it is cut down to find the node. Names the kernel.
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

/// Passes first, then compiled code: what `sluice check` and `sluice fuzz` do for a graph.
passes::CheckReport check_graph(const ir::Graph& traced, const FullCheckOptions& options = {});

}  // namespace sluice::tools
