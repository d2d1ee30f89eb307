#include "runtime/kernel_profile.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include "backend/plan.h"
#include "backend/target.h"
#include "ir/random_arrays.h"
#include "runtime/executable.h"
#include "runtime/locations.h"
#include "runtime/thread_team.h"

namespace sluice::runtime {

namespace {

using backend::KernelPlan;
using backend::Plan;

/// The least seconds that each kernel took in some steps, and their plan.
std::pair<Plan, std::vector<double>> measure_kernels(const ir::Graph& traced, std::int64_t batch_size, int repeat) {
  constexpr std::uint64_t kSeed = 1;
  const std::vector<Array> inputs = random_parameters(traced, batch_size, kSeed);
  Plan plan;
  ExecutableOptions options;
  options.on_plan = [&](Plan& made) { plan = made; };
  const auto executable = Executable::create(traced, variables_for(traced, random_states(traced, kSeed)), options);
  std::vector<Array> outputs(traced.results().size());
  std::vector<double> best = executable->profile(inputs, outputs);
  for (int i = 1; i < repeat; ++i) {
    const std::vector<double> seconds = executable->profile(inputs, outputs);
    for (std::size_t k = 0; k < best.size(); ++k) best[k] = std::min(best[k], seconds[k]);
  }
  return {std::move(plan), std::move(best)};
}

/// The bytes that a step works on.
std::int64_t bytes_of_step(const Plan& plan, std::int64_t batch_size, int threads) {
  std::int64_t bytes = backend::memory_of(plan, batch_size, threads).total();
  for (const Type& type : plan.states)
    bytes += bytes_of({backend::BufferKind::kState, 0, type, backend::state_layout(type)}, batch_size);
  return bytes;
}

}  // namespace

std::int64_t bytes_of(const Type& type, std::int64_t batch_size) {
  return type.shape.element_count().at(batch_size) * static_cast<std::int64_t>(size_of(type.dtype));
}

std::int64_t bytes_of(const backend::Buffer& buffer, std::int64_t batch_size) {
  const Dim count = element_count(buffer.layout, buffer.type.shape);
  return count.at(batch_size) * static_cast<std::int64_t>(size_of(buffer.type.dtype));
}

ir::Cost cost_of(const Plan& plan, const KernelPlan& kernel, std::int64_t batch_size) {
  ir::Cost cost{ir::cost(*kernel.body, batch_size).flops, 0};
  std::set<std::pair<int, bool>> counted;
  const auto count = [&](int buffer, bool writes) {
    if (!counted.insert({buffer, writes}).second) return;
    cost.bytes += static_cast<double>(bytes_of(plan.buffers[static_cast<std::size_t>(buffer)].type, batch_size));
  };
  for (const int buffer : kernel.operands) count(buffer, false);
  for (const int buffer : kernel.results) count(buffer, true);
  return cost;
}

std::string ops_of(const ir::Graph& body) {
  std::vector<std::pair<ir::Op, int>> counts;
  for (const ir::Node& node : body.nodes()) {
    if (ir::info(node.op).has(ir::kInput) || node.op == ir::Op::kConstant) continue;
    const auto found = std::ranges::find(counts, node.op, &std::pair<ir::Op, int>::first);
    if (found == counts.end()) {
      counts.emplace_back(node.op, 1);
    } else {
      ++found->second;
    }
  }
  std::vector<std::string> words;
  for (const auto& [op, count] : counts)
    words.push_back(count == 1 ? std::string(to_string(op)) : fmt::format("{} {}", count, to_string(op)));
  return fmt::format("{}", fmt::join(words, ", "));
}

std::string lines_of_kernel(const KernelPlan& kernel) { return lines_of(kernel.origins); }

double StepProfile::seconds() const {
  double sum = 0;
  for (const KernelProfile& kernel : kernels) sum += kernel.seconds;
  return sum;
}

double StepProfile::flops() const {
  double sum = 0;
  for (const KernelProfile& kernel : kernels) sum += kernel.cost.flops;
  return sum;
}

StepProfile profile_step(const ir::Graph& traced, std::int64_t batch_size, int repeat) {
  const auto [plan, seconds] = measure_kernels(traced, batch_size, repeat);
  ThreadTeam& team = default_team();
  StepProfile profile{plan.name, batch_size, team.size(), {}, {}};
  profile.machine = measure_machine(team, backend::host_target(), bytes_of_step(plan, batch_size, team.size()));
  for (std::size_t k = 0; k < plan.kernels.size(); ++k) {
    const KernelPlan& kernel = plan.kernels[k];
    const ir::Cost cost = cost_of(plan, kernel, batch_size);
    profile.kernels.push_back({kernel.name, ops_of(*kernel.body), lines_of_kernel(kernel), cost, seconds[k],
                               profile.machine.least_seconds(cost.flops, cost.bytes),
                               profile.machine.is_bound_by_arithmetic(cost.flops, cost.bytes)});
  }
  return profile;
}

}  // namespace sluice::runtime
