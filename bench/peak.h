#pragma once

#include "runtime/thread_team.h"

namespace sluice::bench {

/// The name of the widest vectors that peak_gflops uses: "512-bit", "256-bit" or "128-bit".
const char* vector_name();

/// The single-precision multiply-adds that all threads of the team reach together when nothing but registers is
/// involved, as 10^9 operations (a multiply-add is two) a second: the best of several tries.
double peak_gflops(runtime::ThreadTeam& team);

/// How long a cache line takes from the first thread of the team to the second and back, in nanoseconds; 0 if there is
/// one thread only. On virtual machines this tells cores that are far from each other today from near ones.
double round_trip_nanoseconds(runtime::ThreadTeam& team);

}  // namespace sluice::bench
