#include "backend/tile_model.h"

#include <algorithm>
#include <bit>
#include <tuple>

#include "backend/layout.h"

namespace sluice::backend {

namespace {

// Cores of the last ten years: two multiply-adds of vectors and two loads a cycle, and four cycles from one to the next
// of a chain.
constexpr double kPerCycle = 2;
constexpr double kLatency = 4;

constexpr std::int64_t kTypicalBatch = 128;
constexpr std::int64_t kLeastBlock = 128;
constexpr std::int64_t kLargestBlock = 256;  // more gained nothing

bool fits_registers(const Target& target, std::int64_t rows, std::int64_t vectors) {
  // The accumulators, a row of the panel, a broadcast element where no instruction broadcasts from memory, and a
  // product where none adds it at once.
  const bool broadcasts_from_memory = target.vector_bytes == 64;
  const std::int64_t more = (broadcasts_from_memory ? 0 : 1) + (target.fma ? 0 : 1);
  return rows * vectors + vectors + more <= target.vector_registers;
}

/// What is to be least: the cycles of a multiply-add; of equals, the tiles, of each of which something is lost beside
/// its multiply-adds; of equals, the loads.
std::tuple<double, std::int64_t, std::int64_t> cost(std::int64_t rows, std::int64_t vectors) {
  const auto multiply_adds = static_cast<double>(rows * vectors);
  const auto loads = static_cast<double>(rows + vectors);
  const double cycles = std::max({multiply_adds / kPerCycle, loads / kPerCycle, kLatency});
  return {cycles / multiply_adds, -rows * vectors, rows + vectors};
}

/// Blocks such that those of the first factor and of the panel stay in the second cache while all tiles of a panel go
/// through them: where the depth grows with B, or a panel of all of it does not fit in a quarter of that cache.
std::int64_t choose_depth_block(const Target& target, Dim rows, Dim depth, std::int64_t panel_columns,
                                int element_bytes) {
  const std::int64_t elements = target.second_cache_bytes / element_bytes;
  if (!depth.batch && depth.size * panel_columns <= elements / 4) return 0;
  const std::int64_t fitting = elements / (rows.at(kTypicalBatch) + panel_columns) / 64 * 64;
  return std::clamp(fitting, kLeastBlock, kLargestBlock);
}

}  // namespace

Tile choose_tile(const Target& target, Dim rows, Dim depth, int element_bytes) {
  const std::int64_t lanes = target.lanes(element_bytes);
  Tile best{1, 1, 0};
  for (std::int64_t vectors = 1; vectors * lanes <= kPanelColumns; ++vectors) {
    if (kPanelColumns % (vectors * lanes) != 0) continue;  // or a tile would reach over the edge of a variable's panel
    // Even numbers: 9 or 7 rows of a transposed factor do not begin on parts of its cache lines, which cost 1%.
    for (std::int64_t r = 2; fits_registers(target, r, vectors); r += 2) {
      if (cost(r, vectors) < cost(best.rows, best.vectors)) best = {r, vectors, 0};
    }
  }
  best.depth_block = choose_depth_block(target, rows, depth, best.vectors * lanes, element_bytes);
  return best;
}

bool worth_packing(const Target& target, const Tile& tile, Dim rows, Dim depth, std::int64_t row_bytes) {
  constexpr std::int64_t kLeastTiles = 32;
  constexpr std::int64_t kShare = 2;  // of the cache for the panel's rows: the first factor's need it, too
  const std::int64_t fitting =
      target.second_cache_bytes >> std::countr_zero(static_cast<std::uint64_t>(std::max<std::int64_t>(row_bytes, 1)));
  const std::int64_t block = tile.depth_block > 0 ? tile.depth_block : depth.size;
  return fitting < kShare * block && rows.at(kTypicalBatch) >= kLeastTiles * tile.rows;
}

int tile_column_step(const Target& target, int element_bytes) {
  constexpr int kZmm = 64;
  return target.lanes(element_bytes) / (target.vector_bytes == kZmm ? 2 : 1);
}

}  // namespace sluice::backend
