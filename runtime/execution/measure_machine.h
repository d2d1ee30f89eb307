#pragma once

#include <cstdint>

#include "runtime/execution/thread_team.h"
#include "sluice/runtime/machine.h"

namespace sluice::backend {
struct Target;
}

namespace sluice::runtime {

/// An estimate from the vectors of `target` alone: two multiply-adds and a quarter of a vector from memory a cycle on
/// each thread, at 3 GHz.
Machine assumed_machine(const backend::Target& target, int threads);

/// How many single-precision operations all threads reach together in a second, in multiply-adds (each counts two) with
/// the vectors of `target`, in registers: the best of many short rounds.
double measure_flops(ThreadTeam& team, const backend::Target& target);

/// Measures for some tenths of a second: multiply-adds in registers with the vectors of `target`, and copying within
/// memory of growing sizes up to `bytes`, the size of what a program works on. The best of many short rounds counts.
Machine measure_machine(ThreadTeam& team, const backend::Target& target, std::int64_t bytes);

}  // namespace sluice::runtime
