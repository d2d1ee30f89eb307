#pragma once

#include <cstdint>

#include "runtime/execution/thread_team.h"
#include "sluice/runtime/machine.h"

namespace sluice::backend {
struct Target;
}

namespace sluice::runtime {

/// Returns an estimate based only on the vectors of `target`: per cycle and thread, two multiply-adds and a quarter of
/// a vector from memory, at 3 GHz.
Machine assumed_machine(const backend::Target& target, int threads);

/// Returns how many single-precision operations per second all threads together reach, in multiply-adds (each counts as
/// two) with the vectors of `target`, in registers: the best of many short rounds.
double measure_flops(ThreadTeam& team, const backend::Target& target);

/// Measures for some tenths of a second: multiply-adds in registers with the vectors of `target`, and copying within
/// memory of growing sizes up to `bytes`, a program's working set. The best of many short rounds counts.
Machine measure_machine(ThreadTeam& team, const backend::Target& target, std::int64_t bytes);

}  // namespace sluice::runtime
