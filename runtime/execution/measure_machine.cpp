#include "runtime/execution/measure_machine.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstring>
#include <vector>

#include "backend/target.h"

namespace sluice::runtime {

namespace {

constexpr int kRounds = 300;  // many short ones, because other work may use the machine
constexpr long kSteps = 5'000;
constexpr std::int64_t kSmallest = 1 << 15;
constexpr std::int64_t kLargest = 1 << 28;

template <int Bytes>
struct Vector {
  using Type __attribute__((vector_size(Bytes))) = float;
};

// The compiler knows neither the value read here nor who reads what is written, so it must compute everything in
// between.
volatile float opaque = 0.5f;
volatile float sink = 0;

/// `kSteps` rounds of one multiply-add on each of enough independent accumulators to hide its latency.
template <int Bytes, int Accumulators>
[[gnu::always_inline]] inline void multiply_add() {
  using V = typename Vector<Bytes>::Type;
  const V factor = V{} + opaque;
  const V summand = V{} + opaque;
  std::array<V, Accumulators> accumulators;
  for (V& accumulator : accumulators) accumulator = V{} + opaque;
  for (long step = 0; step < kSteps; ++step) {
#pragma GCC unroll 24
    for (V& accumulator : accumulators) accumulator = accumulator * factor + summand;
  }
  V sum = {};
  for (const V& accumulator : accumulators) sum += accumulator;
  float total = 0;
  for (int lane = 0; lane < Bytes / 4; ++lane) total += sum[lane];
  sink = total;
}

struct Loop {
  void (*run)();
  double flops;
};

// Sluice itself is built for the baseline of its architecture; these three are built for more and chosen at run time.
#if defined(__x86_64__)
[[gnu::target("avx512f,fma")]] void multiply_add_512() { multiply_add<64, 24>(); }
[[gnu::target("avx2,fma")]] void multiply_add_256() { multiply_add<32, 12>(); }
#endif
void multiply_add_128() { multiply_add<16, 12>(); }

Loop loop_for(const backend::Target& target) {
#if defined(__x86_64__)
  if (target.vector_bytes == 64) return {multiply_add_512, 2.0 * 16 * 24 * kSteps};
  if (target.vector_bytes == 32 && target.fma) return {multiply_add_256, 2.0 * 8 * 12 * kSteps};
#else
  static_cast<void>(target);
#endif
  return {multiply_add_128, 2.0 * 4 * 12 * kSteps};
}

/// Returns how often per second all threads together can do `work(thread, threads)`: the sum of each one's best.
template <typename Work>
double best_rate(ThreadTeam::Lease& team, int rounds, Work work) {
  std::vector<double> seconds(static_cast<std::size_t>(team.threads()), 1e9);
  team.run([&](int thread, int threads) {
    double& best = seconds[static_cast<std::size_t>(thread)];
    for (int round = 0; round < rounds; ++round) {
      const auto start = std::chrono::steady_clock::now();
      work(thread, threads);
      const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - start;
      best = std::min(best, elapsed.count());
    }
  });
  double rate = 0;
  for (const double best : seconds) rate += 1 / best;
  return rate;
}

/// Returns the bytes read and written per second when each thread copies its share of `bytes`.
double copy_rate(ThreadTeam::Lease& team, std::int64_t bytes) {
  const auto threads = static_cast<std::size_t>(team.threads());
  const std::size_t share = static_cast<std::size_t>(bytes) / 2 / threads;
  std::vector<std::byte> from(share * threads, std::byte{1});
  std::vector<std::byte> to(from.size());
  const int rounds = static_cast<int>(std::clamp<std::int64_t>((1 << 27) / bytes, 10, 1000));
  const double rate = best_rate(team, rounds, [&](int thread, int) {
    const std::size_t begin = share * static_cast<std::size_t>(thread);
    std::memcpy(to.data() + begin, from.data() + begin, share);
  });
  return rate * 2 * static_cast<double>(share);
}

double flops_rate(ThreadTeam::Lease& team, const backend::Target& target) {
  const Loop loop = loop_for(target);
  return loop.flops * best_rate(team, kRounds, [&](int, int) { loop.run(); });
}

}  // namespace

double Machine::memory_seconds(double bytes) const {
  const auto fits = [&](const Memory& level) { return bytes <= static_cast<double>(level.bytes); };
  const auto found = std::ranges::find_if(memory, fits);
  return bytes / (found == memory.end() ? memory.back() : *found).bytes_per_second;
}

Machine assumed_machine(const backend::Target& target, int threads) {
  constexpr double kHertz = 3e9;
  const double cycles = kHertz * threads;
  const double flops_a_cycle = 2.0 * target.lanes(4) * (target.fma ? 2 : 1);
  return {cycles * flops_a_cycle, {{kLargest, cycles * target.vector_bytes / 4}}, false};
}

double measure_flops(ThreadTeam& team, const backend::Target& target) {
  ThreadTeam::Lease lease = team.lease();
  return flops_rate(lease, target);
}

Machine measure_machine(ThreadTeam& team, const backend::Target& target, std::int64_t bytes) {
  ThreadTeam::Lease lease = team.lease();
  Machine machine;
  machine.measured = true;
  machine.flops_per_second = flops_rate(lease, target);
  const std::int64_t largest = std::clamp(bytes, kSmallest, kLargest);
  for (std::int64_t size = kSmallest; size < largest; size *= 4)
    machine.memory.push_back({size, copy_rate(lease, size)});
  machine.memory.push_back({largest, copy_rate(lease, largest)});
  return machine;
}

}  // namespace sluice::runtime
