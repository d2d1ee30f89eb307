#include "sluice/runtime/step_profile.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "backend/plan.h"
#include "backend/target.h"
#include "ir/random_arrays.h"
#include "runtime/execution/kernel_cost.h"
#include "runtime/execution/measure_machine.h"
#include "runtime/execution/thread_team.h"
#include "sluice/runtime/executable.h"

namespace sluice::runtime {

namespace {

using backend::KernelPlan;
using backend::Plan;

/// Returns each kernel's minimum time over some steps, and their plan.
std::pair<Plan, std::vector<double>> measure_kernels(const ir::Graph& traced, const Bindings& bindings, int repeat) {
  constexpr std::uint64_t kSeed = 1;
  const std::vector<Array> inputs = random_parameters(traced, bindings, kSeed);
  const auto executable = Executable::create(traced, variables_for(traced, random_states(traced, kSeed)));
  std::vector<Array> outputs(traced.results().size());
  std::vector<double> best = executable->profile(inputs, outputs);
  for (int i = 1; i < repeat; ++i) {
    const std::vector<double> seconds = executable->profile(inputs, outputs);
    for (std::size_t k = 0; k < best.size(); ++k) best[k] = std::min(best[k], seconds[k]);
  }
  return {*executable->plan(), std::move(best)};
}

/// Returns the bytes that a step accesses.
std::int64_t bytes_of_step(const Plan& plan, const Bindings& bindings, int threads) {
  std::int64_t bytes = backend::memory_of(plan, bindings, threads).total();
  for (const Type& type : plan.states)
    bytes += bytes_of({backend::BufferKind::kState, 0, type, backend::state_layout(type)}, bindings);
  return bytes;
}

}  // namespace

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

StepProfile profile_step(const ir::Graph& traced, const Bindings& bindings, int repeat) {
  const auto [plan, seconds] = measure_kernels(traced, bindings, repeat);
  ThreadTeam& team = default_team();
  StepProfile profile{plan.name, bindings, team.size(), {}, {}};
  profile.machine = measure_machine(team, backend::host_target(), bytes_of_step(plan, bindings, team.size()));
  for (std::size_t k = 0; k < plan.kernels.size(); ++k) {
    const KernelPlan& kernel = plan.kernels[k];
    const ir::Cost cost = cost_of(plan, kernel, bindings);
    profile.kernels.push_back({kernel.name, ops_of(*kernel.body), lines_of_kernel(kernel), cost, seconds[k],
                               profile.machine.least_seconds(cost.flops, cost.bytes),
                               profile.machine.is_bound_by_arithmetic(cost.flops, cost.bytes)});
  }
  return profile;
}

}  // namespace sluice::runtime
