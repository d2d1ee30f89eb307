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
  kReference,  ///< the interpreter, slow and plain
};

struct ExecutableOptions {
  Engine engine = Engine::kJit;
  /// Features of the CPU that kernels are generated for, as LLVM lists them ("+avx2,+fma"); empty: all that this
  /// machine has.
  std::string target_features = {};
  /// Called with the graph after each stage: "traced", then each pass's name.
  std::function<void(std::string_view stage, const ir::Graph&)> on_stage = {};
  /// Called with the seconds of each step: each pass's name, and for native code "plan", "code" and "link".
  std::function<void(std::string_view step, double seconds)> on_time = {};
  /// Called with the texts of native code: "plan", "llvm" and, if `assembly` is set, "assembly".
  std::function<void(std::string_view stage, const std::string& text)> on_text = {};
  bool assembly = false;  ///< costs a second run of LLVM's code generator
  /// Refuse steps that make a NaN or an infinity, as runtime/execution/numerics.h says; $SLUICE_FLAGS may ask for it,
  /// too.
  bool check_numerics = false;
  /// Share out every kernel, however small, among all threads, and wait for them where another step has them: for tests
  /// of how threads work together.
  bool share_all_kernels = false;
};

/// A compiled graph bound to its variables; one serves every B >= 1. Any number of threads may call it at once, as they
/// may call executables that share variables. Steps wait for each other only where one updates a variable that another
/// reads or updates; others run side by side, with as many threads of the process's team as nobody else uses.
class Executable {
 public:
  virtual ~Executable() = default;

  /// Compiles `traced`, which may have `gradient` nodes. `variables` are its states, in their order. Throws Error if a
  /// type differs.
  static std::unique_ptr<Executable> create(const ir::Graph& traced, Variables variables,
                                            const ExecutableOptions& options = {});

  /// Runs one step: reads `inputs` (in the order of the parameters), writes `outputs` and updates the variables.
  /// `outputs` has an array for each result; one that has the right type and that nobody else holds is written in
  /// place, any other is replaced by a new one. Throws Error if an input does not fit. Whatever it throws, no variable
  /// has changed: all that may fail is done before the first one is written. With outputs to reuse and a B no larger
  /// than before, it does not allocate.
  void run(std::span<const Array> inputs, std::span<Array> outputs);
  /// The same for one who holds the locks of its variables.
  virtual void unlocked_run(std::span<const Array> inputs, std::span<Array> outputs) = 0;

  /// Runs one step as run() does, and gives for each kernel, in their order, the seconds that the slowest thread
  /// worked on it. All threads wait for each other before each kernel; the waiting does not count. Throws Error where
  /// there are no kernels: in the interpreter.
  std::vector<double> profile(std::span<const Array> inputs, std::span<Array> outputs);
  /// The same for one who holds the locks of its variables.
  virtual std::vector<double> unlocked_profile(std::span<const Array> inputs, std::span<Array> outputs) = 0;

  /// The plan of its kernels and buffers; null where there is none, in the interpreter.
  virtual const backend::Plan* plan() const { return nullptr; }

  /// The seconds that passes and code generation took.
  double compile_seconds() const { return compile_seconds_; }

 protected:
  Executable(const ir::Graph& graph, const Variables& variables) : locks_(graph, variables) {}

  double compile_seconds_ = 0;

 private:
  VariableLocks locks_;
};

}  // namespace sluice::runtime
