#pragma once

#include <array>
#include <span>
#include <string>

#include "runtime/execution/thread_team.h"

namespace sluice::bench {

/// The name of the widest vectors of this machine: "512-bit", "256-bit" or "128-bit".
std::string vector_name();

/// How many single-precision operations all threads reach together in a second, in 10^9: runtime::measure_flops with
/// those vectors.
double peak_gflops(runtime::ThreadTeam& team);

/// How long a cache line takes from the first thread of the team to the second and back, in nanoseconds; 0 if there is
/// one thread only. On virtual machines this tells cores that are far from each other today from near ones.
double round_trip_nanoseconds(runtime::ThreadTeam& team);

/// Reads and writes every element of the arrays, which have one size, side by side: the least that an optimizer does to
/// memory.
void pass_over(const std::array<std::span<float>, 3>& arrays, runtime::ThreadTeam& team);

}  // namespace sluice::bench
