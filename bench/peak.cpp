#include "bench/peak.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <chrono>

#include "backend/target.h"
#include "bench/pause.h"
#include "runtime/execution/measure_machine.h"

namespace sluice::bench {

using Clock = std::chrono::steady_clock;

std::string vector_name() { return fmt::format("{}-bit", 8 * backend::host_target().vector_bytes); }

double peak_gflops(runtime::ThreadTeam& team) { return runtime::measure_flops(team, backend::host_target()) * 1e-9; }

double round_trip_nanoseconds(runtime::ThreadTeam& team) {
  runtime::ThreadTeam::Lease lease = team.lease();
  if (lease.threads() < 2) return 0;
  constexpr int kTries = 9;
  constexpr int kTrips = 2000;
  double best = 1e9;
  alignas(64) std::atomic<int> ball = 0;
  lease.run([&](int thread, int) {
    for (int i = 0; i < kTries; ++i) {
      lease.barrier();
      const Clock::time_point start = Clock::now();
      if (thread < 2) {
        for (int trip = 0; trip < kTrips; ++trip) {
          while (ball.load(std::memory_order_acquire) != thread) pause();
          ball.store(1 - thread, std::memory_order_release);
        }
      }
      lease.barrier();
      const std::chrono::duration<double, std::nano> elapsed = Clock::now() - start;
      if (thread == 0) best = std::min(best, elapsed.count() / kTrips);
    }
  });
  return best;
}

void pass_over(const std::array<std::span<float>, 3>& arrays, runtime::ThreadTeam& team) {
  team.run([&](int thread, int threads) {
    const std::size_t count = arrays[0].size();
    const std::size_t part = static_cast<std::size_t>(thread);
    const std::size_t parts = static_cast<std::size_t>(threads);
    float* __restrict const first = arrays[0].data();
    float* __restrict const second = arrays[1].data();
    float* __restrict const third = arrays[2].data();
    for (std::size_t i = count * part / parts; i < count * (part + 1) / parts; ++i) {
      first[i] *= 0.999f;
      second[i] *= 0.999f;
      third[i] *= 0.999f;
    }
  });
}

}  // namespace sluice::bench
