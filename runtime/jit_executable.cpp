#include "runtime/jit_executable.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <mutex>
#include <optional>

#include "backend/compile.h"
#include "ir/counted.h"
#include "ir/error.h"
#include "runtime/flags.h"
#include "runtime/step_lock.h"
#include "runtime/thread_team.h"
#include "runtime/trace.h"

namespace sluice::runtime {

namespace {

using backend::Buffer;
using backend::BufferKind;

/// Where machine code is kept between runs, if anywhere.
std::optional<backend::ObjectCache> object_cache(const Flags& given) {
  auto cache = backend::ObjectCache::from_environment();
  if (cache && given.clear_object_cache) {
    static std::once_flag once;
    std::call_once(once, [&] { cache->clear(); });
  }
  return given.object_cache ? cache : std::nullopt;
}

/// Runs the kernels of a program one after the other on the thread team, with one fork and join a step.
class JitExecutable : public Executable {
 public:
  JitExecutable(const ir::Graph& traced, Variables variables, const ExecutableOptions& options)
      : variables_(std::move(variables)) {
    const auto start = std::chrono::steady_clock::now();
    const Flags given = flags();
    const bool own_target = !options.target_features.empty();
    program_ =
        backend::compile(traced, {.target_features = own_target ? options.target_features : given.target_features,
                                  .on_stage = options.on_stage,
                                  .on_time = options.on_time,
                                  .on_text = options.on_text,
                                  .plan = {.skip_zeros = given.skip_zeros},
                                  .assembly = options.assembly,
                                  .cache = object_cache(given),
                                  .verify_plan = backend::kVerifyPlans || given.check_passes,
                                  .on_plan = options.on_plan});
    const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
    compile_seconds_ = elapsed.count();
    if (given.log_jit) {
      fmt::print(stderr, "sluice: jit: {}: {}, {} bytes of temporaries and {} for each of B, in {:.1f} ms\n",
                 plan().name, counted(plan().kernels.size(), "kernel"), plan().static_bytes, plan().batch_bytes,
                 compile_seconds_ * 1e3);
    }
    bind_fixed_buffers();
    trace_ = StepTrace::create(given, plan());
  }

  void unlocked_run(std::span<const Array> inputs, std::span<Array> outputs) override {
    if (trace_ != nullptr && trace_->begin_step()) [[unlikely]]
      return traced_run(inputs, outputs);
    ThreadTeam& team = bind(inputs, outputs);
    team.run([&](int thread, int threads) {
      for (std::size_t k = 0; k < plan().kernels.size(); ++k) {
        if (plan().kernels[k].barrier_before) team.barrier();
        run_kernel(k, thread, threads);
      }
    });
  }

  std::vector<double> profile(std::span<const Array> inputs, std::span<Array> outputs) override {
    const std::scoped_lock lock(step_lock());
    ThreadTeam& team = bind(inputs, outputs);
    const std::size_t count = plan().kernels.size();
    std::vector<double> own(count * static_cast<std::size_t>(team.size()));  // by thread, then kernel
    team.run([&](int thread, int threads) {
      for (std::size_t k = 0; k < count; ++k) {
        team.barrier();
        const auto start = std::chrono::steady_clock::now();
        run_kernel(k, thread, threads);
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
  const backend::Plan& plan() const { return program_->plan(); }

  void traced_run(std::span<const Array> inputs, std::span<Array> outputs) {
    const TraceTime start = trace_now();
    ThreadTeam& team = bind(inputs, outputs);
    StepTimes& times = trace_->prepare(batch_, team.size(), start);
    times.fork = trace_now();
    team.run([&](int thread, int threads) {
      times.began[static_cast<std::size_t>(thread)] = trace_now();
      for (std::size_t k = 0; k < plan().kernels.size(); ++k) {
        if (plan().kernels[k].barrier_before) team.barrier();
        TraceSpan& span = times.kernel(thread, k);
        span.begin = trace_now();
        span.count = run_kernel(k, thread, threads);
        span.end = trace_now();
      }
      times.finished[static_cast<std::size_t>(thread)] = trace_now();
    });
    times.end = trace_now();
  }

  /// Makes everything ready for a step with these arrays.
  ThreadTeam& bind(std::span<const Array> inputs, std::span<Array> outputs) {
    const std::int64_t batch = check_inputs(inputs);
    if (outputs.size() != plan().results.size())
      fail("@{}: expected {} outputs, got {}", plan().name, plan().results.size(), outputs.size());
    ThreadTeam& team = default_team();
    bind_batch(batch, team.size());
    for (std::size_t b = 0; b < pointers_.size(); ++b) {
      const Buffer& buffer = plan().buffers[b];
      // Kernels only read parameters; the table of pointers has one type for all.
      if (buffer.kind == BufferKind::kParameter) pointers_[b] = const_cast<std::byte*>(inputs[buffer.index].bytes());
      if (buffer.kind == BufferKind::kResult)
        pointers_[b] = prepare_output(outputs[buffer.index], plan().results[buffer.index], batch);
    }
    return team;
  }

  void bind_fixed_buffers() {
    static_arena_ = Array(DType::kU8, {plan().static_bytes});
    pointers_.resize(plan().buffers.size());
    for (std::size_t b = 0; b < pointers_.size(); ++b) {
      const Buffer& buffer = plan().buffers[b];
      if (buffer.kind == BufferKind::kState) pointers_[b] = variables_[buffer.index]->memory().bytes();
      // Nor do they write constants.
      if (buffer.kind == BufferKind::kConstant)
        pointers_[b] = const_cast<std::byte*>(plan().constants[buffer.index].bytes());
      if (buffer.kind == BufferKind::kTemporary && !buffer.bytes.batch)
        pointers_[b] = static_arena_.bytes() + buffer.offset.size;
    }
  }

  /// Addresses and counts of units for this B; memory only if it is larger than any before, or if there are more
  /// threads.
  void bind_batch(std::int64_t batch, int threads) {
    if (batch == batch_ && threads == threads_) return;
    batch_ = 0;  // what follows may run out of memory, and is then done anew by the next step
    const backend::Memory memory = backend::memory_of(plan(), batch, threads);
    if (memory.batch_arena > batch_arena_.element_count()) batch_arena_ = Array(DType::kU8, {memory.batch_arena});
    for (std::size_t b = 0; b < pointers_.size(); ++b) {
      const Buffer& buffer = plan().buffers[b];
      if (buffer.kind == BufferKind::kTemporary && buffer.bytes.batch)
        pointers_[b] = batch_arena_.bytes() + buffer.offset.size * batch;
    }
    scratch_stride_ = memory.scratch_stride;
    if (memory.scratch() > scratch_.element_count()) scratch_ = Array(DType::kU8, {memory.scratch()});
    shares_.clear();
    for (const backend::KernelPlan& kernel : plan().kernels) {
      for (int thread = 0; thread <= threads; ++thread)
        shares_.push_back(kernel.units.share_begin(thread, threads, batch));
    }
    batch_ = batch;
    threads_ = threads;
  }

  std::int64_t check_inputs(std::span<const Array> inputs) const {
    if (inputs.size() != plan().parameters.size())
      fail("@{}: expected {}, got {}", plan().name, counted(plan().parameters.size(), "input"), inputs.size());
    std::int64_t batch = 0;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
      if (!fits(inputs[i], plan().parameters[i], batch)) {
        fail("@{}: input {} is {}, expected {}{}", plan().name, i, to_string(inputs[i].type()),
             to_string(plan().parameters[i]), batch > 0 ? fmt::format(" with B = {}", batch) : "");
      }
    }
    return batch == 0 ? 1 : batch;
  }

  /// Whether `input` is of `type`, for the B of the inputs before it (0: none yet) or one that it sets.
  static bool fits(const Array& input, const Type& type, std::int64_t& batch) {
    if (input.dtype() != type.dtype || input.rank() != type.shape.rank()) return false;
    for (int axis = 0; axis < type.shape.rank(); ++axis) {
      const Dim& dim = type.shape[axis];
      const std::int64_t size = input.sizes()[static_cast<std::size_t>(axis)];
      if (dim.batch && batch == 0) {
        if (size == 0 || size % dim.size != 0) return false;
        batch = size / dim.size;
      }
      if (size != dim.at(batch)) return false;
    }
    return true;
  }

  static std::byte* prepare_output(Array& output, const Type& type, std::int64_t batch) {
    bool reusable = output.unique() && output.dtype() == type.dtype && output.rank() == type.shape.rank();
    for (int axis = 0; reusable && axis < type.shape.rank(); ++axis) {
      reusable = output.sizes()[static_cast<std::size_t>(axis)] == type.shape[axis].at(batch);
    }
    if (!reusable) output = Array(type.dtype, type.shape.at(batch));
    return output.bytes();
  }

  /// The share of kernel `k` that `thread` does; gives how many units that is.
  std::int64_t run_kernel(std::size_t k, int thread, int threads) const {
    std::byte* const scratch = const_cast<std::byte*>(scratch_.bytes()) + scratch_stride_ * thread;
    const std::int64_t* const share =
        &shares_[k * static_cast<std::size_t>(threads + 1) + static_cast<std::size_t>(thread)];
    const std::int64_t begin = share[0];
    const std::int64_t end = share[1];
    if (begin < end) program_->functions()[k](pointers_.data(), batch_, scratch, begin, end);
    return end - begin;
  }

  std::shared_ptr<const backend::Program> program_;
  Variables variables_;
  std::unique_ptr<StepTrace> trace_;  ///< null: no steps are traced
  std::vector<std::byte*> pointers_;  ///< one a buffer of the plan
  std::vector<std::int64_t> shares_;  ///< for each kernel where each thread's units begin, and the last one's end
  Array static_arena_{DType::kU8, {0}};
  Array batch_arena_{DType::kU8, {0}};
  Array scratch_{DType::kU8, {0}};
  std::int64_t scratch_stride_ = 0;
  std::int64_t batch_ = 0;
  int threads_ = 0;
};

}  // namespace

std::unique_ptr<Executable> make_jit_executable(const ir::Graph& traced, Variables variables,
                                                const ExecutableOptions& options) {
  return std::make_unique<JitExecutable>(traced, std::move(variables), options);
}

}  // namespace sluice::runtime
