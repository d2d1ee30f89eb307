#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sluice/array.h"
#include "sluice/ir/graph.h"
#include "sluice/runtime/variable.h"
#include "sluice/runtime/variable_locks.h"

namespace sluice::backend {
struct Plan;
}

namespace sluice::runtime {

enum class Engine : std::uint8_t {
  kJit,        ///< native kernels
  kReference,  ///< the interpreter, slow and simple
};

struct ExecutableOptions {
  Engine engine = Engine::kJit;
  /// CPU features that kernels are generated for, as LLVM lists them ("+avx2,+fma"); empty: all features of this
  /// machine.
  std::string target_features = {};
  /// Called with the graph after each stage: "traced", then each pass's name.
  std::function<void(std::string_view stage, const ir::Graph&)> on_stage = {};
  /// Called with the seconds of each step: each pass's name, and for native code "plan", "code" and "link".
  std::function<void(std::string_view step, double seconds)> on_time = {};
  /// Called with the texts of native code: "plan", "llvm" and, if `assembly` is set, "assembly".
  std::function<void(std::string_view stage, const std::string& text)> on_text = {};
  bool assembly = false;  ///< costs a second run of LLVM's code generator
  /// Rejects steps that produce a NaN or an infinity (runtime/execution/numerics.h); $SLUICE_FLAGS can also enable it.
  bool check_numerics = false;
  /// Divides every kernel, however small, among all threads, and waits for them if another step holds them: for tests
  /// of concurrency.
  bool share_all_kernels = false;
  /// Called with the results of each step, under the locks of its variables; if it throws, the step fails.
  std::function<void(std::span<const Array> results)> examine = {};
  /// Whether `examine` may throw. The variables that the graph updates are then copied before each step, and restored
  /// if it does.
  bool examine_may_throw = false;
  /// The graph without the results that only `examine` looks at, which come last: what check_numerics judges. Null: the
  /// whole graph. Used only while the executable is created.
  const ir::Graph* judged = nullptr;
};

/// A compiled graph bound to its variables; one serves every B >= 1. Any number of threads may call it at once, or call
/// executables that share variables. Steps wait for each other only if one updates a variable that another reads or
/// updates; others run concurrently, with as many threads of the process's team as are free.
class Executable {
 public:
  virtual ~Executable() = default;

  /// Compiles `traced`, which may have `gradient` nodes. `variables` are its states, in order. Throws Error if a type
  /// differs.
  static std::unique_ptr<Executable> create(const ir::Graph& traced, Variables variables,
                                            const ExecutableOptions& options = {});

  /// Runs one step: reads `inputs` (in the order of the parameters), writes `outputs` and updates the variables.
  /// `outputs` has an array for each result; an array of the right type that nobody else holds is written in place, any
  /// other is replaced by a new one. Throws Error if an input does not fit. If it throws, no variable has changed:
  /// everything that may fail is done before the first one is written. Does not allocate if outputs can be reused and B
  /// is no larger than before.
  void run(std::span<const Array> inputs, std::span<Array> outputs);
  /// The same for a caller that holds the locks of its variables.
  virtual void unlocked_run(std::span<const Array> inputs, std::span<Array> outputs) = 0;

  /// Runs one step like run() and returns for each kernel, in order, the seconds that its slowest thread worked on it.
  /// All threads wait for each other before each kernel; waiting does not count. Throws Error if there are no kernels,
  /// as in the interpreter.
  std::vector<double> profile(std::span<const Array> inputs, std::span<Array> outputs);
  /// The same for a caller that holds the locks of its variables.
  virtual std::vector<double> unlocked_profile(std::span<const Array> inputs, std::span<Array> outputs) = 0;

  /// The plan of its kernels and buffers; null where there is none, in the interpreter.
  virtual const backend::Plan* plan() const { return nullptr; }

  /// Returns the seconds that passes and code generation took.
  double compile_seconds() const { return compile_seconds_; }

 protected:
  Executable(const ir::Graph& graph, const Variables& variables) : locks_(graph, variables) {}

  double compile_seconds_ = 0;

 private:
  VariableLocks locks_;
};

}  // namespace sluice::runtime
