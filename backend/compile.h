#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "backend/codegen/codegen.h"
#include "backend/jit.h"
#include "backend/object_cache.h"
#include "backend/plan.h"
#include "sluice/ir/graph.h"

namespace sluice::backend {

/// The default of CompileOptions::verify_plan: plans are verified in debug builds.
#ifdef NDEBUG
inline constexpr bool kVerifyPlans = false;
#else
inline constexpr bool kVerifyPlans = true;
#endif

struct CompileOptions {
  /// Features of the CPU to generate code for, as LLVM lists them ("+avx2,+fma"); empty: this machine's.
  std::string target_features = {};
  /// Called with the graph after each stage: "traced", then each pass's name.
  std::function<void(std::string_view stage, const ir::Graph&)> on_stage = {};
  /// Called with the seconds of each step: each pass's name, then "plan", "verify" (if the plan is
  /// verified), "code" (generating it) and "link".
  std::function<void(std::string_view step, double seconds)> on_time = {};
  /// Called with the backend's texts: "plan", "llvm" and, if `assembly` is set, "assembly". Generates code even if the
  /// cache has it.
  std::function<void(std::string_view stage, const std::string& text)> on_text = {};
  PlanOptions plan = {};
  bool assembly = false;  ///< costs a second run of LLVM's code generator
  /// The code is visible to gdb and perf, down to the model's lines (docs/debugging.md).
  bool debug_info = false;
  std::filesystem::path jit_dump = {};  ///< the folder of a file for perf (jit_dump.h); empty: none is written
  /// The cache that keeps machine code between runs; none: it is not kept.
  std::optional<ObjectCache> cache = ObjectCache::from_environment();
  /// Verifies the plan before code is made of it (verify_plan.h) and stops with an internal error if it has a fault.
  bool verify_plan = kVerifyPlans;
};

/// A compiled graph: its plan and a function for each kernel of it.
class Program {
 public:
  /// `code` is what keeps the functions in memory.
  Program(Plan plan, std::vector<KernelFunction> functions, std::shared_ptr<const void> code,
          std::vector<CodeLine> lines = {})
      : plan_(std::move(plan)), functions_(std::move(functions)), code_(std::move(code)), lines_(std::move(lines)) {}

  const Plan& plan() const { return plan_; }
  const std::vector<KernelFunction>& functions() const { return functions_; }
  /// Returns where the code at `address` comes from, or null if that is not known or not code of this program.
  /// Allocates nothing.
  const CodeLine* line_at(std::uintptr_t address) const;

 private:
  Plan plan_;
  std::vector<KernelFunction> functions_;
  std::shared_ptr<const void> code_;
  std::vector<CodeLine> lines_;  ///< by address
};

/// Compiles a traced graph: plan_graph, then compile_plan, but for machine code that the cache has.
std::shared_ptr<const Program> compile(const ir::Graph& traced, const CompileOptions& options = {});

/// The second part of it: from a graph after the passes, which has no `gradient` nodes. Each node that is not in a
/// `fused` one becomes a kernel of its own.
std::shared_ptr<const Program> compile_kernels(const ir::Graph& fused, const CompileOptions& options = {});

/// Runs the passes and plans the kernels of a traced graph.
Plan plan_graph(const ir::Graph& traced, const CompileOptions& options = {});

/// Makes machine code of a plan, which must have been made for `options.target_features`. The plan may have been
/// edited, so the cache is neither asked nor told.
std::shared_ptr<const Program> compile_plan(const Plan& plan, const CompileOptions& options = {});

}  // namespace sluice::backend
