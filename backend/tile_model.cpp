#include "backend/tile_model.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <tuple>

#include "backend/layout.h"

namespace sluice::backend {

namespace {

// Cores of the last ten years: two vector multiply-adds and two loads per cycle, and a latency of four cycles in a
// chain.
constexpr double kPerCycle = 2;
constexpr double kLatency = 4;

constexpr std::int64_t kTypicalBatch = 128;
constexpr std::int64_t kLeastBlock = 128;
constexpr std::int64_t kLargestBlock = 256;  // more gained nothing

bool fits_registers(const Target& target, std::int64_t rows, std::int64_t vectors) {
  // The accumulators, a row of the panel, a broadcast element if no instruction broadcasts from memory, and a product
  // if there is no fused multiply-add.
  const bool broadcasts_from_memory = target.vector_bytes == 64;
  const std::int64_t more = (broadcasts_from_memory ? 0 : 1) + (target.fma ? 0 : 1);
  return rows * vectors + vectors + more <= target.vector_registers;
}

/// Returns the cycles of one step of K for a tile.
double cycles_of_step(std::int64_t rows, std::int64_t vectors) {
  const auto multiply_adds = static_cast<double>(rows * vectors);
  const auto loads = static_cast<double>(rows + vectors);
  return std::max({multiply_adds / kPerCycle, loads / kPerCycle, kLatency});
}

/// The cost to minimize: cycles per multiply-add; then the number of tiles, each of which has overhead beyond its
/// multiply-adds; then loads.
std::tuple<double, std::int64_t, std::int64_t> cost(std::int64_t rows, std::int64_t vectors) {
  return {cycles_of_step(rows, vectors) / static_cast<double>(rows * vectors), -rows * vectors, rows + vectors};
}

/// Chooses blocks such that those of the lhs and of the panel stay in L2 while all tiles of a panel go through them, if
/// K grows with B or a whole panel does not fit in a quarter of L2.
std::int64_t choose_depth_block(const Target& target, Dim rows, Dim depth, std::int64_t panel_columns,
                                int element_bytes) {
  const std::int64_t elements = target.second_cache_bytes / element_bytes;
  if (!depth.batch && depth.size * panel_columns <= elements / 4) return 0;
  const std::int64_t fitting = elements / (rows.where_all_are(kTypicalBatch) + panel_columns) / 64 * 64;
  return std::clamp(fitting, kLeastBlock, kLargestBlock);
}

}  // namespace

Tile choose_tile(const Target& target, Dim rows, Dim depth, int element_bytes) {
  const std::int64_t lanes = target.lanes(element_bytes);
  Tile best{1, 1, 0};
  for (std::int64_t vectors = 1; vectors * lanes <= kPanelColumns; ++vectors) {
    if (kPanelColumns % (vectors * lanes) != 0) continue;  // or a tile would cross the edge of a variable's panel
    // Even numbers: 9 or 7 rows of a transposed operand are not aligned within its cache lines, which cost 1%.
    for (std::int64_t r = 2; fits_registers(target, r, vectors); r += 2) {
      if (cost(r, vectors) < cost(best.rows, best.vectors)) best = {r, vectors, 0};
    }
  }
  best.depth_block = choose_depth_block(target, rows, depth, best.vectors * lanes, element_bytes);
  return best;
}

Tile choose_tile_of_batch(const Target& target, const ir::MatmulSizes& sizes, int element_bytes) {
  constexpr double kStepCycles = 0.5;   // per step of K beyond its multiply-adds: counting and advancing
  constexpr double kTileCycles = 20;    // per tile beyond its steps
  constexpr double kPanelShare = 0.01;  // cost of another panel: rows of B and C are no longer contiguous
  constexpr std::int64_t kMostVectors = 4;
  const std::int64_t lanes = target.lanes(element_bytes);
  const auto typical = [](Dim size) { return std::max<std::int64_t>(1, size.where_all_are(kTypicalBatch)); };
  const std::int64_t rows = typical(sizes.m);
  const std::int64_t vectors_of_row = (typical(sizes.n) + lanes - 1) / lanes;
  const auto depth = static_cast<double>(typical(sizes.k));
  const auto tile_cycles = [&](std::int64_t r, std::int64_t vectors) {
    return (cycles_of_step(r, vectors) + kStepCycles) * depth + kTileCycles;
  };
  // All tiles of a panel: whole ones and the rest, which runs row by row if its size depends on B.
  const auto panel_cycles = [&](std::int64_t r, std::int64_t vectors) {
    const std::int64_t rest = rows % r;
    const double cycles = static_cast<double>(rows / r) * tile_cycles(r, vectors);
    if (rest == 0) return cycles;
    return cycles + (sizes.m.batch ? static_cast<double>(rest) * tile_cycles(1, vectors) : tile_cycles(rest, vectors));
  };
  Tile best{1, 1, 0};
  double least = std::numeric_limits<double>::infinity();
  for (std::int64_t vectors = 1; vectors <= std::min(vectors_of_row, kMostVectors); ++vectors) {
    const std::int64_t panels = (vectors_of_row + vectors - 1) / vectors;
    const std::int64_t last = vectors_of_row - (panels - 1) * vectors;
    // One register more than fits_registers() requires: an element that is broadcast to four vectors has its own.
    for (std::int64_t r = 1; fits_registers(target, r, vectors) && r * vectors + vectors < target.vector_registers;
         ++r) {
      const double all = static_cast<double>(panels - 1) * panel_cycles(r, vectors) + panel_cycles(r, last);
      const double cycles = all * (1 + kPanelShare * static_cast<double>(panels - 1));
      if (cycles >= least) continue;
      least = cycles;
      best = {r, vectors, 0};
    }
  }
  best.depth_block = choose_depth_block(target, sizes.m, sizes.k, best.vectors * lanes, element_bytes);
  return best;
}

bool worth_packing(const Target& target, const Tile& tile, Dim rows, Dim depth, std::int64_t row_bytes) {
  constexpr std::int64_t kLeastTiles = 32;
  constexpr std::int64_t kShare = 2;  // of the cache for the panel's rows: the lhs needs it too
  const std::int64_t fitting =
      target.second_cache_bytes >> std::countr_zero(static_cast<std::uint64_t>(std::max<std::int64_t>(row_bytes, 1)));
  const std::int64_t block = tile.depth_block > 0 ? tile.depth_block : depth.size;
  return fitting < kShare * block && rows.where_all_are(kTypicalBatch) >= kLeastTiles * tile.rows;
}

int tile_column_step(const Target& target, int element_bytes) {
  constexpr int kZmm = 64;
  return target.lanes(element_bytes) / (target.vector_bytes == kZmm ? 2 : 1);
}

}  // namespace sluice::backend
