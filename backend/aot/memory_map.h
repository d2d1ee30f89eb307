#pragma once

#include <cstdint>
#include <vector>

#include "backend/aot/object.h"
#include "backend/layout.h"

namespace sluice::backend::aot {

// Offsets in the memory of a context.
inline constexpr std::int64_t kMagicAt = 0;       ///< u64, as in the context
inline constexpr std::int64_t kBusyAt = 8;        ///< i32: 1 while a call uses the memory
inline constexpr std::int64_t kLevelAt = 12;      ///< i32: which CPU's code runs
inline constexpr std::int64_t kThreadsAt = 16;    ///< i32: those that the caller has
inline constexpr std::int64_t kMissingAt = 20;    ///< i32: how many variables have no value
inline constexpr std::int64_t kTeamAt = 24;       ///< the caller's threads: data, run, yield
inline constexpr std::int64_t kCapacityAt = 48;   ///< i64: bytes behind the shares
inline constexpr std::int64_t kUsedAt = 56;       ///< i32: threads that steps of these sizes use
inline constexpr std::int64_t kScheduledAt = 60;  ///< i32: 1 if the tables are those of the sizes
inline constexpr std::int64_t kArrivalsAt = 64;   ///< i32: at barriers, since the fork; on a line of its own
inline constexpr std::int64_t kScratchAt = 128;   ///< address of thread 0's scratch
inline constexpr std::int64_t kStrideAt = 136;    ///< i64: from one thread's scratch to the next
inline constexpr std::int64_t kNothingAt = 192;   ///< two lines of zeros: the elements of arrays without any
inline constexpr std::int64_t kTablesAt = 320;

/// The part of a context's memory that does not depend on the CPU.
struct MemoryMap {
  std::vector<Symbol> symbols;          ///< whose values the caller gives
  std::int64_t largest = 0;             ///< i64 for each symbol: its most
  std::int64_t sizes = 0;               ///< i64 for each symbol: of the last step
  std::int64_t inputs = 0;              ///< address of each input
  std::int64_t outputs = 0;             ///< address of each result
  std::int64_t given = 0;               ///< u8 for each variable: whether it has a value
  std::int64_t tables_end = 0;          ///< of what is above
  std::vector<std::int64_t> variables;  ///< the elements of each variable, in state_layout
  std::int64_t end = 0;
};

MemoryMap memory_map(const Specification& specification);

/// Returns the bytes of a variable's elements in memory.
std::int64_t bytes_in_memory(const Type& type);

}  // namespace sluice::backend::aot
