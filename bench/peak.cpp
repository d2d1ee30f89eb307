#include "bench/peak.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>

#include "bench/pause.h"

namespace sluice::bench {

namespace {

using Clock = std::chrono::steady_clock;

#if defined(__AVX512F__)
constexpr int kVectorBytes = 64;
constexpr int kAccumulators = 24;
#elif defined(__AVX__)
constexpr int kVectorBytes = 32;
constexpr int kAccumulators = 12;
#else
constexpr int kVectorBytes = 16;
constexpr int kAccumulators = 12;
#endif
using Vector __attribute__((vector_size(kVectorBytes))) = float;
constexpr int kLanes = kVectorBytes / static_cast<int>(sizeof(float));

/// Keeps the compiler from knowing what `value` is, and the value in a register.
inline void hide(Vector& value) {
#if defined(__x86_64__)
  asm volatile("" : "+v"(value));
#elif defined(__aarch64__)
  asm volatile("" : "+w"(value));
#endif
}

/// `steps` rounds of one multiply-add on each of as many independent accumulators as hide its latency.
float multiply_add(long steps) {
  Vector factor = Vector{} + 0.999f;
  Vector summand = Vector{} + 1e-4f;
  hide(factor);
  hide(summand);
  std::array<Vector, kAccumulators> accumulators{};  // unrolled loops keep it in registers
  for (long step = 0; step < steps; ++step) {
#pragma GCC unroll 24
    for (Vector& accumulator : accumulators) accumulator = accumulator * factor + summand;
#pragma GCC unroll 24
    for (Vector& accumulator : accumulators) hide(accumulator);
  }
  Vector sum{};
#pragma GCC unroll 24
  for (const Vector& accumulator : accumulators) sum += accumulator;
  return sum[0];
}

}  // namespace

const char* vector_name() { return kVectorBytes == 64 ? "512-bit" : kVectorBytes == 32 ? "256-bit" : "128-bit"; }

double multiply_adds(runtime::ThreadTeam& team) {
  constexpr long kSteps = 400000;
  std::atomic<float> sink = 0;
  team.run([&](int, int) { sink.store(multiply_add(kSteps), std::memory_order_relaxed); });
  return 2.0 * kLanes * kAccumulators * kSteps * team.size();
}

double peak_gflops(runtime::ThreadTeam& team) {
  constexpr int kTries = 9;
  double best = 0;
  for (int i = 0; i < kTries; ++i) {
    const Clock::time_point start = Clock::now();
    const double operations = multiply_adds(team);
    const std::chrono::duration<double> elapsed = Clock::now() - start;
    best = std::max(best, operations / elapsed.count() * 1e-9);
  }
  return best;
}

double round_trip_nanoseconds(runtime::ThreadTeam& team) {
  if (team.size() < 2) return 0;
  constexpr int kTries = 9;
  constexpr int kTrips = 2000;
  double best = 1e9;
  alignas(64) std::atomic<int> ball = 0;
  team.run([&](int thread, int) {
    for (int i = 0; i < kTries; ++i) {
      team.barrier();
      const Clock::time_point start = Clock::now();
      if (thread < 2) {
        for (int trip = 0; trip < kTrips; ++trip) {
          while (ball.load(std::memory_order_acquire) != thread) pause();
          ball.store(1 - thread, std::memory_order_release);
        }
      }
      team.barrier();
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
    float* const first = arrays[0].data();
    float* const second = arrays[1].data();
    float* const third = arrays[2].data();
#pragma GCC ivdep
    for (std::size_t i = count * part / parts; i < count * (part + 1) / parts; ++i) {
      first[i] *= 0.999f;
      second[i] *= 0.999f;
      third[i] *= 0.999f;
    }
  });
}

}  // namespace sluice::bench
