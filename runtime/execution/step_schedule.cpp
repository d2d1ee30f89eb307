#include "runtime/execution/step_schedule.h"

#include <algorithm>

#include "ir/matmul.h"
#include "runtime/execution/kernel_cost.h"
#include "runtime/execution/thread_team.h"

namespace sluice::runtime {

namespace {

constexpr double kHertz = 3e9;
constexpr double kGrain = 1.5e-6;    // seconds of a kernel that pay for another thread: a few barriers
constexpr double kForkPays = 20e-6;  // seconds that a step must save, because other threads may have to be woken
constexpr double kBytesACycle = 16;  // from L2 or beyond

/// Instructions per element, or per vector of elements if `vectors`.
struct Work {
  double instructions;
  bool vectors = true;
};

Work work_of(const ir::Node& node) {
  const bool is_f32 = node.types[0].dtype == DType::kF32;
  switch (node.op) {
    case ir::Op::kPow:
      return {60, false};
    case ir::Op::kDiv:
    case ir::Op::kSqrt:
    case ir::Op::kRsqrt:
      return is_float(node.types[0].dtype) ? Work{8, true} : Work{20, false};
    case ir::Op::kRandomUniform:
    case ir::Op::kRandomNormal:
      return {60, true};
    case ir::Op::kGather:
    case ir::Op::kScatterAdd:
    case ir::Op::kScatter:
    case ir::Op::kConcat:
    case ir::Op::kPad:
    case ir::Op::kOneHot:
    case ir::Op::kArgmax:
      return {2, false};
    case ir::Op::kCumsum:
    case ir::Op::kLinearRecurrence:
      return {8, false};
    case ir::Op::kArgsort:
      return {is_f32 ? 40.0 : 80.0, false};
    default:
      if (!ir::info(node.op).has(ir::kCostly)) return {1, true};
      return is_f32 ? Work{20, true} : Work{40, false};
  }
}

bool is_scatter(const ir::Node& node) { return node.op == ir::Op::kScatter || node.op == ir::Op::kScatterAdd; }

/// Returns whether the kernel changes rows of a variable in place.
bool scatters_in_place(const backend::Plan& plan, const backend::KernelPlan& kernel) {
  if (kernel.kind() != ir::KernelKind::kScatter) return false;
  const backend::Buffer& from = plan.buffers[static_cast<std::size_t>(kernel.operands[0])];
  const backend::Buffer& to = plan.buffers[static_cast<std::size_t>(kernel.results[0])];
  return to.kind == backend::BufferKind::kState && from.kind == to.kind && from.index == to.index;
}

double elements_of(const Type& type, const Bindings& bindings) {
  double count = 1;
  for (const Dim dim : type.shape) count *= static_cast<double>(dim.at(bindings));
  return count;
}

/// Returns the bytes that a kernel reads of an operand; of a table in which it only looks rows up, those of the rows.
double bytes_read(const ir::Graph& body, std::size_t operand, const Bindings& bindings) {
  const ir::Value value = body.parameters()[operand].value;
  const auto all = static_cast<double>(bytes_of(body.type(value), bindings));
  if (std::ranges::find(body.results(), value) != body.results().end()) return all;
  double rows = 0;
  for (const ir::Node& node : body.nodes()) {
    for (std::size_t i = 0; i < node.operands.size(); ++i) {
      if (node.operands[i] != value) continue;
      if (node.op != ir::Op::kGather) return all;
      rows += static_cast<double>(bytes_of(node.types[0], bindings));
    }
  }
  return std::min(rows, all);
}

double cycles_of(const ir::Graph& body, const ir::Node& node, const backend::Target& target, const Bindings& bindings) {
  if (ir::info(node.op).has(ir::kInput) || node.op == ir::Op::kConstant) return 0;
  const Type& type = node.types[0];
  const double lanes = target.lanes(static_cast<int>(size_of(type.dtype)));
  if (node.op == ir::Op::kMatmul) {
    const Dim k = ir::matmul_sizes(node, body.type(node.operands[0])).k;
    const double multiply_adds = elements_of(type, bindings) * static_cast<double>(k.at(bindings));
    return multiply_adds / (lanes * (target.fma ? 2 : 1));
  }
  double elements = is_scatter(node) ? 0 : elements_of(type, bindings);
  for (const ir::Value operand : node.operands) {
    // The bytes of a table count, as far as it is read or copied.
    if ((is_scatter(node) || node.op == ir::Op::kGather) && operand == node.operands[0]) continue;
    elements = std::max(elements, elements_of(body.type(operand), bindings));
  }
  const Work work = work_of(node);
  return elements * work.instructions / (work.vectors ? lanes : 1);
}

}  // namespace

double estimated_seconds(const backend::Plan& plan, const backend::KernelPlan& kernel, const backend::Target& target,
                         const Bindings& bindings) {
  double cycles = 0;
  for (const ir::Node& node : kernel.body->nodes()) cycles += cycles_of(*kernel.body, node, target, bindings);
  double bytes = 0;
  const auto count = [&](int buffer) {
    bytes += static_cast<double>(bytes_of(plan.buffers[static_cast<std::size_t>(buffer)].type, bindings));
  };
  if (scatters_in_place(plan, kernel)) {
    for (const int rows : {kernel.operands[1], kernel.operands[2], kernel.operands[2]}) count(rows);
  } else {
    for (std::size_t i = 0; i < kernel.operands.size(); ++i) bytes += bytes_read(*kernel.body, i, bindings);
    std::ranges::for_each(kernel.results, count);
  }
  return std::max(cycles, bytes / kBytesACycle) / kHertz;
}

StepSchedule::StepSchedule(const backend::Plan& plan, const backend::Target& target, bool share_all)
    : plan_(plan),
      target_(target),
      share_all_(share_all),
      kernel_threads_(plan.kernels.size()),
      barriers_(plan.kernels.size()) {}

void StepSchedule::estimate(const Bindings& bindings) {
  if (bindings == estimated_) return;
  double saved = 0;
  threads_worth_ = 1;
  for (std::size_t k = 0; k < kernel_threads_.size(); ++k) {
    const backend::KernelPlan& kernel = plan_.kernels[k];
    const double seconds = estimated_seconds(plan_, kernel, target_, bindings);
    const auto units = std::max<std::int64_t>(kernel.units.count(bindings), 1);
    const auto most = static_cast<double>(std::min<std::int64_t>(units, kMaxThreads));
    const int threads = share_all_ ? kMaxThreads : static_cast<int>(std::clamp(seconds / kGrain, 1.0, most));
    kernel_threads_[k] = threads;
    threads_worth_ = std::max(threads_worth_, threads);
    saved += seconds * (1 - 1.0 / std::min(threads, 2));
  }
  if (!share_all_ && saved < kForkPays) threads_worth_ = 1;
  estimated_ = bindings;
}

int StepSchedule::threads_worth(const Bindings& bindings) {
  estimate(bindings);
  return threads_worth_;
}

void StepSchedule::make(const Bindings& bindings, int threads) {
  estimate(bindings);
  threads_ = 0;  // in case memory runs out
  shares_.resize(plan_.kernels.size() * static_cast<std::size_t>(threads));
  bool must_wait = false;  // some kernel since the last barrier conflicts with another one
  bool shared = false;     // some kernel since the last barrier ran on several threads
  for (std::size_t k = 0; k < plan_.kernels.size(); ++k) {
    const backend::KernelPlan& kernel = plan_.kernels[k];
    const int used = std::min(kernel_threads_[k], threads);
    for (int thread = 0; thread < threads; ++thread) {
      const auto begin = [&](int t) { return kernel.units.share_begin(std::min(t, used), used, bindings); };
      shares_[k * static_cast<std::size_t>(threads) + static_cast<std::size_t>(thread)] = {begin(thread),
                                                                                           begin(thread + 1)};
    }
    must_wait |= kernel.barrier_before;
    const bool barrier = must_wait && (shared || used > 1);
    barriers_[k] = barrier ? 1 : 0;
    if (barrier) must_wait = shared = false;
    shared |= used > 1;
  }
  threads_ = threads;
}

}  // namespace sluice::runtime
