#include "tools/check/engine_check.h"

#include <algorithm>
#include <cstring>

#include "backend/argument_table.h"
#include "backend/compile.h"
#include "backend/verify_plan.h"
#include "ir/guarded_arrays.h"
#include "runtime/execution/gate.h"
#include "runtime/execution/jit_executable.h"
#include "runtime/execution/kernel_cost.h"
#include "runtime/execution/observe.h"
#include "runtime/execution/thread_team.h"
#include "sluice/error.h"
#include "sluice/runtime/variable.h"

namespace sluice::tools {

using backend::Plan;
using passes::Difference;
using passes::Expected;
using passes::Sample;

/// A fault that the verifier finds in a plan.
struct WrongPlan {
  std::string what;
  std::string lines;  ///< of the kernel
};

namespace {

/// Returns the options that flags set for compiling `graph`.
backend::CompileOptions compile_options(const ir::Graph& graph) {
  return runtime::compile_options(runtime::observe(graph.name(), {}));
}

Plan make_plan(const ir::Graph& graph, const EngineCheck::Options& options) {
  return options.plan ? options.plan(graph) : backend::plan_graph(graph, compile_options(graph));
}

std::shared_ptr<const backend::Program> compile(const ir::Graph& graph, const Plan& plan,
                                                const EngineCheck::Options& options) {
  if (options.compile) return options.compile(plan);
  backend::CompileOptions own = compile_options(graph);
  own.verify_plan = false;  // that is done with another message
  return backend::compile_plan(plan, own);
}

}  // namespace

/// A compiled graph with its own variables.
struct EngineCheck::Compiled {
  Compiled(const ir::Graph& graph, const Options& options) : result_count(graph.results().size()) {
    const GuardedArrays guarded;
    std::vector<Array> zeros;
    for (const ir::State& state : graph.states())
      zeros.emplace_back(graph.type(state.value).dtype, graph.type(state.value).shape.at(1));
    variables = runtime::variables_for(graph, zeros);
    const runtime::GatePass pass;
    const Plan plan = make_plan(graph, options);
    if (auto found = backend::verify_plan(plan)) {
      wrong_plan = {std::move(found->what), runtime::lines_of_kernel(plan.kernels[found->kernel])};
      return;
    }
    executable =
        runtime::make_jit_executable(graph, variables, compile(graph, plan, options), {.share_all_kernels = true});
    runtime::close_gate_at_exit();
  }

  /// Results, then new states.
  std::vector<Array> run(const Sample& sample, int threads) {
    runtime::set_default_threads(threads);
    const GuardedArrays guarded;  // arguments, results and temporaries
    std::vector<Array> inputs;
    for (const Array& input : sample.inputs) inputs.push_back(input.clone());
    for (std::size_t i = 0; i < variables.size(); ++i) variables[i]->assign(sample.states[i]);
    std::vector<Array> outputs(result_count);
    executable->run(inputs, outputs);
    for (const auto& variable : variables) outputs.push_back(variable->value());
    return outputs;
  }

  std::size_t result_count;
  runtime::Variables variables;
  std::optional<WrongPlan> wrong_plan;  ///< no code was generated from it
  std::unique_ptr<runtime::Executable> executable;
};

namespace {

/// Runs kernel `k` of a program alone, on one thread, on generated operands, and returns how it differs from its body
/// as planned.
std::string check_kernel(const backend::Program& program, const Plan& sound, std::size_t k, const Sample& like) {
  const backend::KernelPlan& kernel = program.plan().kernels[k];
  const auto& planned = std::ranges::find(sound.kernels, kernel.name, &backend::KernelPlan::name);
  // A kernel that runs alone only shows errors inside it.
  if (planned == sound.kernels.end() || planned->operands != kernel.operands || planned->results != kernel.results)
    return "";
  const ir::Graph& body = *planned->body;
  const Sample sample = passes::make_sample(body, like.bindings, like.seed);
  // Arrays for the plan's buffers, each with the size and layout of the value that the body sees there.
  const auto layout = [&](std::size_t b) { return sound.buffers[b].layout; };
  const auto memory_for = [&](std::size_t b, const Type& type) {
    return Array(type.dtype, {backend::element_count(layout(b), type.shape).at(like.bindings)});
  };
  const auto array_of = [&](std::size_t b, const Array& memory, const Type& type) {
    Array array(type.dtype, type.shape.at(like.bindings));
    backend::unpack(layout(b), memory.bytes(), array);
    return array;
  };
  const GuardedArrays guarded;
  std::vector<Array> memory(sound.buffers.size(), Array(DType::kU8, {0}));
  backend::ArgumentTable arguments(program.plan());
  for (std::size_t p = 0; p < planned->operands.size(); ++p) {
    const auto b = static_cast<std::size_t>(planned->operands[p]);
    memory[b] = memory_for(b, sample.inputs[p].type());
    backend::pack(layout(b), sample.inputs[p], memory[b].bytes());
    arguments.set(b, memory[b].bytes());
  }
  for (std::size_t p = 0; p < planned->operands.size(); ++p) {  // an operand that two parameters read
    if (memory[static_cast<std::size_t>(planned->operands[p])].dtype() != sample.inputs[p].dtype()) return "";
  }
  for (std::size_t r = 0; r < planned->results.size(); ++r) {
    const Type& type = body.type(body.results()[r]);
    const auto b = static_cast<std::size_t>(planned->results[r]);
    memory[b] = memory_for(b, type);
    arguments.set(b, memory[b].bytes());
  }
  Sample given = sample;
  for (std::size_t p = 0; p < planned->operands.size(); ++p) {
    const auto b = static_cast<std::size_t>(planned->operands[p]);
    given.inputs[p] = array_of(b, memory[b], sample.inputs[p].type());
  }
  Array scratch(DType::kU8, {std::max<std::int64_t>(64, kernel.scratch().at(like.bindings))});
  std::vector<std::int64_t> sizes;
  set_sizes(sizes, program.plan(), like.bindings);
  program.functions()[k](arguments.of(k), sizes.data(), scratch.bytes(), 0, kernel.units.count(like.bindings));
  std::vector<Array> actual;
  for (std::size_t r = 0; r < planned->results.size(); ++r) {
    const auto b = static_cast<std::size_t>(planned->results[r]);
    actual.push_back(array_of(b, memory[b], body.type(body.results()[r])));
  }
  return passes::confirmed_difference(body, given, passes::expect(body, given), actual);
}

/// Returns the kernel that does not compute its body when it runs alone; or else the one that writes the result or
/// state `index`.
std::string culprit(const ir::Graph& graph, const EngineCheck::Options& options, const Sample& sample,
                    std::size_t index) {
  const Plan sound = backend::plan_graph(graph, compile_options(graph));
  const auto program = compile(graph, make_plan(graph, options), options);
  for (std::size_t k = 0; k < program->plan().kernels.size(); ++k) {
    if (!check_kernel(*program, sound, k, sample).empty())
      return fmt::format("kernel {}, which differs from its body when it runs alone", program->plan().kernels[k].name);
  }
  const bool is_result = index < graph.results().size();
  const std::size_t number = is_result ? index : index - graph.results().size();
  const auto kind = is_result ? backend::BufferKind::kResult : backend::BufferKind::kState;
  for (const backend::KernelPlan& kernel : program->plan().kernels) {
    for (const int b : kernel.results) {
      const backend::Buffer& buffer = program->plan().buffers[static_cast<std::size_t>(b)];
      if (buffer.kind == kind && buffer.index == number) return fmt::format("kernel {}, which writes it", kernel.name);
    }
  }
  return "";
}

ir::Value value_of(const ir::Graph& graph, std::size_t index) {
  if (index < graph.results().size()) return graph.results()[index];
  const ir::State& state = graph.states()[index - graph.results().size()];
  return state.update.value_or(state.value);
}

std::size_t first_wrong(std::span<const Expected> expected, std::span<const Array> actual) {
  for (std::size_t i = 0; i < expected.size(); ++i) {
    if (!passes::compare(expected.subspan(i, 1), actual.subspan(i, 1)).empty()) return i;
  }
  return 0;
}

}  // namespace

EngineCheck::EngineCheck(const ir::Graph& graph, Options options)
    : options_(std::move(options)), compiled_(std::make_unique<Compiled>(graph, options_)) {}

EngineCheck::~EngineCheck() = default;

std::optional<Difference> EngineCheck::check(const ir::Graph& graph, const Sample& sample,
                                             std::span<const Expected> expected) {
  if (compiled_->wrong_plan)
    return Difference{"plan", compiled_->wrong_plan->what, compiled_->wrong_plan->lines, sample};
  const runtime::KeepDefaultThreads keep;
  const Sample other = passes::make_sample(graph, sample.bindings, sample.seed + 1);
  std::vector<Array> first;
  for (const int threads : options_.threads) {
    // So that a value read too early is not, by chance, the one left by the previous run.
    compiled_->run(other, 1);
    std::vector<Array> actual = compiled_->run(sample, threads);
    if (first.empty()) {
      if (std::string what = passes::confirmed_difference(graph, sample, expected, actual); !what.empty()) {
        if (!options_.locate) return Difference{"jit", std::move(what), "", sample};
        const std::size_t wrong = first_wrong(expected, actual);
        const auto fails = [&](const ir::Graph& part) {
          const std::vector<Expected> part_expected = passes::expect(part, sample);
          Compiled compiled(part, options_);
          if (compiled.wrong_plan) return true;
          return !passes::confirmed_difference(part, sample, part_expected, compiled.run(sample, threads)).empty();
        };
        const ir::Value value = value_of(graph, wrong);
        const std::optional<ir::Value> node = passes::first_failing(graph, value, fails);
        return Difference{"jit", fmt::format("{} ({})", what, culprit(graph, options_, sample, wrong)),
                          passes::describe(graph, node.value_or(value)), sample};
      }
      first = std::move(actual);
      continue;
    }
    for (std::size_t i = 0; i < first.size(); ++i) {
      if (first[i] == actual[i]) continue;
      if (!options_.locate) return Difference{"threads", expected[i].name, "", sample};
      return Difference{"threads",
                        fmt::format("{} has other bits with {} threads than with {} ({})", expected[i].name, threads,
                                    options_.threads[0], culprit(graph, options_, sample, i)),
                        passes::describe(graph, value_of(graph, i)), sample};
    }
  }
  return std::nullopt;
}

passes::CheckReport check_graph(const ir::Graph& traced, const FullCheckOptions& options) {
  passes::CheckOptions with_engine = options.passes;
  std::unique_ptr<EngineCheck> engine;
  if (options.jit) {
    with_engine.also = [&](const ir::Graph& graph, const Sample& sample, std::span<const Expected> expected) {
      if (!engine) engine = std::make_unique<EngineCheck>(traced, options.engine);
      return engine->check(graph, sample, expected);
    };
  }
  return passes::check_passes(traced, with_engine);
}

}  // namespace sluice::tools
