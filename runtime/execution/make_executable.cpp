// Chooses the executable for a graph. The implementations include the interface, not each other.
#include <array>
#include <chrono>
#include <cstring>

#include "ir/reference/interpreter.h"
#include "passes/pass.h"
#include "runtime/execution/flags.h"
#include "runtime/execution/gate.h"
#include "runtime/execution/jit_executable.h"
#include "runtime/execution/numerics.h"
#include "runtime/execution/observe.h"
#include "sluice/error.h"
#include "sluice/runtime/executable.h"

namespace sluice::runtime {

namespace {

void check_variables(const ir::Graph& graph, const Variables& variables) {
  const auto states = graph.states();
  if (states.size() != variables.size()) {
    fail("@{}: expected a variable for each of {} states, got {}", graph.name(), states.size(), variables.size());
  }
  for (std::size_t i = 0; i < states.size(); ++i) {
    if (graph.type(states[i].value) == variables[i]->type()) continue;
    fail("@{}: state \"{}\" is {}, its variable \"{}\" is {}", graph.name(), states[i].variable,
         to_string(graph.type(states[i].value)), variables[i]->name(), to_string(variables[i]->type()));
  }
}

/// Moves `value` into `output`: into its elements if the type matches and nobody else holds them.
void deliver(const Array& value, Array& output) {
  if (!output.unique() || output.dtype() != value.dtype() || output.sizes() != value.sizes()) {
    output = value;
    return;
  }
  if (value.byte_count() > 0) std::memcpy(output.bytes(), value.bytes(), value.byte_count());
}

/// Runs the graph in the interpreter, after the one pass that it requires and the one that saves it useless work.
class ReferenceExecutable : public Executable {
 public:
  ReferenceExecutable(const ir::Graph& traced, Variables variables, const ExecutableOptions& options)
      : Executable(traced, variables), variables_(std::move(variables)) {
    if (!flags().trace.empty()) fail("@{}: the reference engine has no kernels to trace", traced.name());
    const auto start = std::chrono::steady_clock::now();
    constexpr std::array<std::string_view, 2> kPasses{"differentiate", "dce"};
    graph_ = passes::run_passes(traced, kPasses);
    // Shows the stages of the whole pipeline, whichever of them this engine needs.
    if (options.on_stage || options.on_time)
      passes::run_passes(traced, passes::default_pipeline(), {options.on_stage, options.on_time});
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    compile_seconds_ = elapsed.count();
  }

  void unlocked_run(std::span<const Array> inputs, std::span<Array> outputs) override {
    if (outputs.size() != graph_.results().size())
      fail("@{}: expected {} outputs, got {}", graph_.name(), graph_.results().size(), outputs.size());
    std::vector<Array> states;
    for (const auto& variable : variables_) states.push_back(variable->unlocked_value());
    const ir::EvalResult result = ir::evaluate(graph_, inputs, states);
    for (std::size_t i = 0; i < result.results.size(); ++i) deliver(result.results[i], outputs[i]);
    for (std::size_t i = 0; i < variables_.size(); ++i) {
      // Other steps may be reading the others now.
      if (graph_.states()[i].update) variables_[i]->unlocked_assign(result.states[i]);
    }
  }

  std::vector<double> unlocked_profile(std::span<const Array> /*inputs*/, std::span<Array> /*outputs*/) override {
    fail("@{}: the reference engine has no kernels to profile", graph_.name());
  }

 private:
  ir::Graph graph_;
  Variables variables_;
};

}  // namespace

std::unique_ptr<Executable> Executable::create(const ir::Graph& traced, Variables variables,
                                               const ExecutableOptions& options) {
  const GatePass pass;
  if (process_ends()) fail("@{}: cannot be compiled any more: the process ends", traced.name());
  check_variables(traced, variables);
  ExecutableOptions observed = observe(traced.name(), options);
  observed.check_numerics |= flags().check_numerics;
  std::unique_ptr<Executable> executable;
  if (options.engine == Engine::kReference) {
    executable = std::make_unique<ReferenceExecutable>(traced, variables, observed);
  } else {
    executable = make_jit_executable(traced, variables, observed);
  }
  close_gate_at_exit();
  if (!observed.check_numerics && !observed.examine) return executable;
  return make_checked_executable(std::move(executable), traced, std::move(variables), observed);
}

}  // namespace sluice::runtime
