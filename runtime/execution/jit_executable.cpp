#include "runtime/execution/jit_executable.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <mutex>
#include <optional>

#include "backend/argument_table.h"
#include "backend/compile.h"
#include "ir/counted.h"
#include "ir/solve_sizes.h"
#include "runtime/execution/crash_report.h"
#include "runtime/execution/flags.h"
#include "runtime/execution/gate.h"
#include "runtime/execution/step_schedule.h"
#include "runtime/execution/thread_team.h"
#include "runtime/execution/trace.h"
#include "sluice/error.h"
#include "sluice/printable.h"

namespace sluice::runtime {

namespace {

using backend::Buffer;
using backend::BufferKind;

/// Returns the cache that keeps machine code between runs, or none.
std::optional<backend::ObjectCache> object_cache(const Flags& given) {
  auto cache = backend::ObjectCache::from_environment();
  if (cache && given.clear_object_cache) {
    static std::once_flag once;
    std::call_once(once, [&] { cache->clear(); });
  }
  return given.object_cache ? cache : std::nullopt;
}

/// Features of the CPU to generate code for, as LLVM lists them; empty: this machine's.
const std::string& target_features(const ExecutableOptions& options, const Flags& given) {
  return options.target_features.empty() ? given.target_features : options.target_features;
}

/// The state of one running call: addresses, division of work, and memory for temporaries.
struct CallContext {
  CallContext(const backend::Plan& plan, const backend::Target& target, bool share_all)
      : schedule(plan, target, share_all), arguments(plan), static_arena(DType::kU8, {plan.static_bytes}) {}

  StepSchedule schedule;
  backend::ArgumentTable arguments;
  Array static_arena;
  Array growing_arena{DType::kU8, {0}};
  Array scratch{DType::kU8, {0}};
  std::int64_t scratch_stride = 0;
  Bindings bindings;                ///< none: to be bound anew
  std::vector<std::int64_t> sizes;  ///< the values of the plan's symbols
};

/// Runs the kernels of a program one after the other, with at most one fork and join per step. Concurrent calls have
/// one CallContext each, which later calls reuse.
class JitExecutable : public Executable {
 public:
  JitExecutable(const ir::Graph& traced, Variables variables, std::shared_ptr<const backend::Program> program,
                const ExecutableOptions& options, double compile_seconds)
      : Executable(traced, variables), program_(std::move(program)), variables_(std::move(variables)) {
    const Flags given = flags();
    if (given.crash_reports) report_crashes();
    compile_seconds_ = compile_seconds;
    limits_ = ir::size_limits(traced);
    target_ = backend::host_target(target_features(options, given));
    share_all_ = options.share_all_kernels || given.share_all_kernels;
    idle_.push_back(make_context());
    trace_ = StepTrace::create(given, program_->plan());
  }

  ~JitExecutable() override {
    const GatePass pass;  // LLVM must still exist to destroy the program
    trace_.reset();
    if (process_ends()) static_cast<void>(new std::shared_ptr(program_));
    program_.reset();
  }

  void unlocked_run(std::span<const Array> inputs, std::span<Array> outputs) override {
    if (trace_ != nullptr) [[unlikely]] {
      if (const auto traced = trace_->begin_step()) return traced_run(inputs, outputs);
    }
    const Bindings bindings = check_call(inputs, outputs);
    const BorrowedContext context(*this);
    ThreadTeam::Lease team = lease(*context, bindings);
    bind(*context, bindings, team.threads(), inputs, outputs);
    team.run([&](int thread, int) {
      for (std::size_t k = 0; k < program_->plan().kernels.size(); ++k) {
        if (context->schedule.barrier_before(k)) team.barrier();
        run_kernel(*context, k, thread);
      }
    });
  }

  const backend::Plan* plan() const override { return &program_->plan(); }

  std::vector<double> unlocked_profile(std::span<const Array> inputs, std::span<Array> outputs) override {
    const Bindings bindings = check_call(inputs, outputs);
    const BorrowedContext context(*this);
    ThreadTeam::Lease team = default_team().lease();
    const std::size_t count = program_->plan().kernels.size();
    std::vector<double> own(count * static_cast<std::size_t>(team.threads()));  // by thread, then kernel
    bind(*context, bindings, team.threads(), inputs, outputs);
    team.run([&](int thread, int) {
      for (std::size_t k = 0; k < count; ++k) {
        team.barrier();
        const auto start = std::chrono::steady_clock::now();
        run_kernel(*context, k, thread);
        const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
        own[static_cast<std::size_t>(thread) * count + k] = elapsed.count();
        team.barrier();
      }
    });
    std::vector<double> seconds(count);
    for (std::size_t i = 0; i < own.size(); ++i) seconds[i % count] = std::max(seconds[i % count], own[i]);
    return seconds;
  }

 private:
  /// A context that no other call uses, during its lifetime.
  class BorrowedContext {
   public:
    explicit BorrowedContext(JitExecutable& owner) : owner_(owner) {
      const std::lock_guard lock(owner.contexts_);
      if (owner.idle_.empty()) {
        context_ = owner.make_context();
        return;
      }
      context_ = std::move(owner.idle_.back());
      owner.idle_.pop_back();
    }
    ~BorrowedContext() {
      const std::lock_guard lock(owner_.contexts_);
      owner_.idle_.push_back(std::move(context_));  // make_context() has reserved room
    }
    BorrowedContext(const BorrowedContext&) = delete;
    BorrowedContext& operator=(const BorrowedContext&) = delete;

    CallContext& operator*() const { return *context_; }
    CallContext* operator->() const { return context_.get(); }

   private:
    JitExecutable& owner_;
    std::unique_ptr<CallContext> context_;
  };

  void traced_run(std::span<const Array> inputs, std::span<Array> outputs) {
    const TraceTime start = trace_now();
    const Bindings bindings = check_call(inputs, outputs);
    const BorrowedContext context(*this);
    ThreadTeam::Lease team = lease(*context, bindings);
    bind(*context, bindings, team.threads(), inputs, outputs);
    StepTimes& times = trace_->prepare(bindings, team.threads(), start);
    times.fork = trace_now();
    team.run([&](int thread, int) {
      times.began[static_cast<std::size_t>(thread)] = trace_now();
      for (std::size_t k = 0; k < program_->plan().kernels.size(); ++k) {
        if (context->schedule.barrier_before(k)) team.barrier();
        TraceSpan& span = times.kernel(thread, k);
        span.begin = trace_now();
        span.count = run_kernel(*context, k, thread);
        span.end = trace_now();
      }
      times.finished[static_cast<std::size_t>(thread)] = trace_now();
    });
    times.end = trace_now();
  }

  ThreadTeam::Lease lease(CallContext& context, const Bindings& bindings) const {
    if (share_all_) return default_team().lease();
    return default_team().lease_idle(context.schedule.threads_worth(bindings));
  }

  /// Returns the values of the symbols in a call. Throws Error if an array does not fit.
  Bindings check_call(std::span<const Array> inputs, std::span<const Array> outputs) const {
    const Bindings bindings = check_inputs(inputs);
    if (outputs.size() != program_->plan().results.size())
      fail("@{}: expected {} outputs, got {}", program_->plan().name, program_->plan().results.size(), outputs.size());
    return bindings;
  }

  /// Prepares a step with these arrays on `threads` threads.
  void bind(CallContext& context, const Bindings& bindings, int threads, std::span<const Array> inputs,
            std::span<Array> outputs) const {
    bind_sizes(context, bindings, threads);
    for (std::size_t b = 0; b < program_->plan().buffers.size(); ++b) {
      const Buffer& buffer = program_->plan().buffers[b];
      // Kernels only read parameters; the table of addresses has one type for all.
      if (buffer.kind == BufferKind::kParameter)
        context.arguments.set(b, const_cast<std::byte*>(bytes_of_input(inputs[buffer.index])));
      if (buffer.kind == BufferKind::kResult)
        context.arguments.set(b,
                              prepare_output(outputs[buffer.index], program_->plan().results[buffer.index], bindings));
    }
  }

  /// Creates a context and fills in what is the same in all calls. Requires contexts_ to be held once the executable is
  /// in use.
  std::unique_ptr<CallContext> make_context() {
    idle_.reserve(static_cast<std::size_t>(++context_count_));
    auto context = std::make_unique<CallContext>(program_->plan(), target_, share_all_);
    for (std::size_t b = 0; b < program_->plan().buffers.size(); ++b) {
      const Buffer& buffer = program_->plan().buffers[b];
      if (buffer.kind == BufferKind::kState) context->arguments.set(b, variables_[buffer.index]->memory().bytes());
      // Nor do they write constants.
      if (buffer.kind == BufferKind::kConstant)
        context->arguments.set(b, const_cast<std::byte*>(program_->plan().constants[buffer.index].bytes()));
      if (buffer.kind == BufferKind::kTemporary && !buffer.bytes.batch)
        context->arguments.set(b, context->static_arena.bytes() + buffer.offset.size);
    }
    return context;
  }

  /// Addresses and shares for these sizes and this number of threads; memory only if either is larger than any before.
  void bind_sizes(CallContext& context, const Bindings& bindings, int threads) const {
    if (bindings == context.bindings && threads == context.schedule.threads()) return;
    context.bindings = {};  // what follows may run out of memory, and is then done anew by the next step
    const backend::Memory memory = backend::memory_of(program_->plan(), bindings, threads);
    if (memory.growing_arena > context.growing_arena.element_count())
      context.growing_arena = Array(DType::kU8, {memory.growing_arena});
    for (std::size_t b = 0; b < program_->plan().buffers.size(); ++b) {
      const Buffer& buffer = program_->plan().buffers[b];
      if (buffer.kind == BufferKind::kTemporary && buffer.bytes.batch)
        context.arguments.set(b, context.growing_arena.bytes() + growing_offset(program_->plan(), buffer, bindings));
    }
    context.scratch_stride = memory.scratch_stride;
    if (memory.scratch() > context.scratch.element_count()) context.scratch = Array(DType::kU8, {memory.scratch()});
    context.schedule.make(bindings, threads);
    set_sizes(context.sizes, program_->plan(), bindings);
    context.bindings = bindings;
  }

  Bindings check_inputs(std::span<const Array> inputs) const {
    if (inputs.size() != program_->plan().parameters.size())
      fail("@{}: expected {}, got {}", program_->plan().name, counted(program_->plan().parameters.size(), "input"),
           inputs.size());
    const auto argument = [&](std::size_t i) { return ir::SizedArgument(program_->plan().parameters[i], inputs[i]); };
    Bindings bindings;
    const auto name_of = [](std::size_t i) { return fmt::format("input {}", i); };
    if (const auto wrong = ir::solve_sizes(inputs.size(), argument, bindings, name_of))
      fail("@{}: {} {}", program_->plan().name, name_of(wrong->argument), wrong->what);
    ir::check_limits(program_->plan().name, limits_, bindings);
    return bindings;
  }

  /// Returns the address of an array's elements; for an array without any, that of bytes that clamped loads may read.
  static const std::byte* bytes_of_input(const Array& input) {
    alignas(backend::kLine) static constexpr std::array<std::byte, 2 * backend::kLine> kNothing{};
    return input.element_count() == 0 ? kNothing.data() : input.bytes();
  }

  static std::byte* prepare_output(Array& output, const Type& type, const Bindings& bindings) {
    bool reusable = output.unique() && output.dtype() == type.dtype && output.rank() == type.shape.rank();
    for (int axis = 0; reusable && axis < type.shape.rank(); ++axis) {
      reusable = output.sizes()[static_cast<std::size_t>(axis)] == type.shape[axis].at(bindings);
    }
    if (!reusable) output = Array(type.dtype, type.shape.at(bindings));
    return output.bytes();
  }

  /// Runs `thread`'s share of kernel `k` and returns its number of units.
  std::int64_t run_kernel(CallContext& context, std::size_t k, int thread) const {
    const auto [begin, end] = context.schedule.share(k, thread);
    std::byte* const scratch = context.scratch.bytes() + context.scratch_stride * thread;
    if (begin < end) {
      const RunsKernel running(*program_, k);
      program_->functions()[k](context.arguments.of(k), context.sizes.data(), scratch, begin, end);
    }
    return end - begin;
  }

  std::shared_ptr<const backend::Program> program_;
  Variables variables_;
  backend::Target target_;
  std::vector<ir::SizeLimit> limits_;
  bool share_all_ = false;
  std::unique_ptr<StepTrace> trace_;  ///< null: no steps are traced
  std::mutex contexts_;               ///< held while a context is borrowed or returned
  std::vector<std::unique_ptr<CallContext>> idle_;
  int context_count_ = 0;  ///< borrowed and idle
};

}  // namespace

backend::CompileOptions compile_options(const ExecutableOptions& options) {
  const Flags given = flags();
  return {.target_features = target_features(options, given),
          .on_stage = options.on_stage,
          .on_time = options.on_time,
          .on_text = options.on_text,
          .plan = {.skip_zeros = given.skip_zeros},
          .assembly = options.assembly,
          .debug_info = given.debug_info || !given.jit_dump.empty(),
          .jit_dump = given.jit_dump,
          .cache = object_cache(given),
          .verify_plan = backend::kVerifyPlans || given.check_passes};
}

std::unique_ptr<Executable> make_jit_executable(const ir::Graph& traced, Variables variables,
                                                const ExecutableOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  const std::shared_ptr<const backend::Program> program = backend::compile(traced, compile_options(options));
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
  if (flags().log_jit) {
    const backend::Plan& plan = program->plan();
    print_to_stderr("sluice: jit: {}: {}, {} bytes of temporaries and {}, in {:.1f} ms\n", printable(plan.name),
                    counted(plan.kernels.size(), "kernel"), plan.static_bytes, growing_bytes(plan),
                    elapsed.count() * 1e3);
  }
  return std::make_unique<JitExecutable>(traced, std::move(variables), program, options, elapsed.count());
}

std::unique_ptr<Executable> make_jit_executable(const ir::Graph& traced, Variables variables,
                                                std::shared_ptr<const backend::Program> program,
                                                const ExecutableOptions& options) {
  return std::make_unique<JitExecutable>(traced, std::move(variables), std::move(program), options, 0);
}

}  // namespace sluice::runtime
