// The division of a step: every unit once, every barrier that the plan requires, and one thread for a small kernel.
#include "runtime/execution/step_schedule.h"

#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <string>
#include <string_view>

#include "runtime/execution/thread_team.h"
#include "sluice/ir/text.h"

using namespace sluice;
using backend::KernelPlan;
using backend::Plan;
using runtime::StepSchedule;

namespace {

/// Large and small kernels that read each other's results, and some that are independent.
Plan mixed_plan() {
  const ir::Graph graph = ir::parse(R"(sluice-ir 1
graph @mixed(%x: f32[B,64], %s: f32[B]) state(%w: f32[64,300] "w", %v: f32[300,300] "v", %b: f32[300] "b",
    %p: f32[300,8] "p") {
  %0: f32[B,300] = matmul %x, %w
  %1: f32[300] = tanh %b
  %2: f32[1,300] = reshape %1 {shape=[1,300]}
  %3: f32[1,300] = matmul %2, %v
  %4: f32[300] = reshape %3 {shape=[300]}
  %5: f32[B,300] = broadcast %4 {shape=[B,300]}
  %6: f32[B,300] = add %0, %5
  %7: f32[B,300] = matmul %6, %v
  %8: f32[] = reduce_sum %s {axes=[0]}
  %9: f32[300] = reduce_max %7 {axes=[0]}
  %10: f32[300] = broadcast %8 {shape=[300]}
  %11: f32[300] = mul %9, %10
  %12: f32[300,300] = matmul %6, %7 {transpose_a=true}
  %13: f32[] = reduce_sum %11 {axes=[0]}
  %14: f32[1,300] = reshape %11 {shape=[1,300]}
  %15: f32[1,8] = matmul %14, %p
  update %b = %11, %v = %12
  return %13, %15
}
)");
  return backend::make_plan(graph, backend::host_target());
}

/// Returns how many threads have units of kernel `k`.
int threads_of(const StepSchedule& schedule, std::size_t k) {
  int count = 0;
  for (int thread = 0; thread < schedule.threads(); ++thread)
    count += schedule.share(k, thread).begin < schedule.share(k, thread).end ? 1 : 0;
  return count;
}

/// Checks that the shares cover all units, each once and in order, thread 0's first.
void check_shares(const Plan& plan, const StepSchedule& schedule, std::int64_t b) {
  for (std::size_t k = 0; k < plan.kernels.size(); ++k) {
    CAPTURE(plan.kernels[k].name);
    std::int64_t next = 0;
    for (int thread = 0; thread < schedule.threads(); ++thread) {
      const auto [begin, end] = schedule.share(k, thread);
      CHECK(begin == next);
      CHECK(begin <= end);
      next = end;
    }
    CHECK(next == plan.kernels[k].units.count(b));
  }
}

/// Checks that all threads wait for each other between two kernels separated by one of the plan's barriers, unless both
/// run on thread 0. Returns how many of the plan's barriers are omitted.
int check_barriers(const Plan& plan, const StepSchedule& schedule) {
  const std::size_t count = plan.kernels.size();
  const auto is_alone = [&](std::size_t k) {
    for (int thread = 1; thread < schedule.threads(); ++thread) {
      if (schedule.share(k, thread).begin < schedule.share(k, thread).end) return false;
    }
    return true;
  };
  int left_out = 0;
  for (std::size_t second = 0; second < count; ++second) {
    if (plan.kernels[second].barrier_before && !schedule.barrier_before(second)) ++left_out;
    bool planned = plan.kernels[second].barrier_before;
    bool made = schedule.barrier_before(second);
    for (std::size_t first = second; first-- > 0;) {
      if (planned && !(is_alone(first) && is_alone(second))) {
        CAPTURE(plan.kernels[first].name);
        CAPTURE(plan.kernels[second].name);
        CHECK(made);
      }
      planned |= plan.kernels[first].barrier_before;
      made |= schedule.barrier_before(first);
    }
  }
  return left_out;
}

}  // namespace

TEST_CASE("each unit runs once, and the plan's barriers are kept where two threads may conflict") {
  const Plan plan = mixed_plan();
  REQUIRE(plan.kernels.size() >= 6);
  for (const bool share_all : {false, true}) {
    StepSchedule schedule(plan, backend::host_target(), share_all);
    for (const std::int64_t b : {1, 2, 17, 300, 1, 5000}) {
      for (const int threads : {1, 2, 3, 7}) {
        CAPTURE(share_all);
        CAPTURE(b);
        CAPTURE(threads);
        schedule.make(b, threads);
        CHECK(schedule.threads() == threads);
        check_shares(plan, schedule, b);
        const int left_out = check_barriers(plan, schedule);
        if (share_all && threads > 1) CHECK(left_out == 0);
        if (threads == 1) CHECK(left_out == std::ranges::count_if(plan.kernels, &KernelPlan::barrier_before));
      }
    }
  }
}

TEST_CASE("small kernels run on thread 0, large ones on all, and small ones do not wait for each other") {
  const Plan plan = mixed_plan();
  StepSchedule schedule(plan, backend::host_target(), false);
  schedule.make(1, 2);
  int alone = 0;
  int shared = 0;
  for (std::size_t k = 0; k < plan.kernels.size(); ++k) (threads_of(schedule, k) > 1 ? shared : alone) += 1;
  CHECK(alone >= 2);
  CHECK(shared >= 2);
  CHECK(check_barriers(plan, schedule) >= 1);
}

TEST_CASE("a lookup in a table, or a change of its rows in place, counts the rows") {
  const auto threads_worth = [](std::string_view update) {
    const std::string text = fmt::format(R"(sluice-ir 1
graph @f(%i: i64[B], %x: f32[B,128]) state(%t: f32[100000,128] "t") {{
  %0: f32[B,128] = gather %t, %i
  %1: f32[B,128] = add %0, %x
  %2: f32[100000,128] = {}
  update %t = %2
  return %1
}})",
                                         update);
    const Plan plan = backend::make_plan(ir::parse(text), backend::host_target());
    return StepSchedule(plan, backend::host_target(), false).threads_worth(16);
  };
  CHECK(threads_worth("scatter %t, %i, %x") == 1);
  CHECK(threads_worth("scatter_add %t, %i, %x") == 1);
  CHECK(threads_worth("exp %t") > 1);
}

TEST_CASE("a step uses other threads only if its kernels are large enough to wake them") {
  const Plan plan = mixed_plan();
  StepSchedule schedule(plan, backend::host_target(), false);
  CHECK(schedule.threads_worth(20000) > 8);
  CHECK(schedule.threads_worth(1) == 1);
  CHECK(schedule.threads_worth(20000) > 8);  // whatever B was before
  StepSchedule all(plan, backend::host_target(), true);
  CHECK(all.threads_worth(1) == runtime::kMaxThreads);
}
