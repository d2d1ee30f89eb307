#pragma once

#include <array>
#include <span>
#include <string>

#include "runtime/execution/thread_team.h"

namespace sluice::bench {

/// Returns the name of this machine's widest vectors: "512-bit", "256-bit" or "128-bit".
std::string vector_name();

/// Returns the peak of all threads together in GFLOP/s, single precision: runtime::measure_flops with those vectors.
double peak_gflops(runtime::ThreadTeam& team);

/// Returns the round-trip time of a cache line between the first two threads of the team, in nanoseconds; 0 if there is
/// only one thread. On virtual machines this shows whether today's cores are close to each other.
double round_trip_nanoseconds(runtime::ThreadTeam& team);

/// Reads and writes every element of the arrays, which have equal sizes, in parallel: the least memory traffic of an
/// optimizer.
void pass_over(const std::array<std::span<float>, 3>& arrays, runtime::ThreadTeam& team);

}  // namespace sluice::bench
