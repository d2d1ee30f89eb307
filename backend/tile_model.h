#pragma once

#include <cstdint>

#include "backend/target.h"
#include "ir/matmul.h"

namespace sluice::backend {

/// The split of a product for one CPU.
struct Tile {
  std::int64_t rows = 0;  ///< the tile that stays in registers: rows by vectors
  std::int64_t vectors = 0;
  std::int64_t depth_block = 0;  ///< steps of K per pass through a panel's tiles; 0: all at once

  bool operator==(const Tile&) const = default;
};

/// Chooses the tile for products of elements of `element_bytes`, and the blocks of K for one of `rows` and `depth`,
/// with a model of the CPU: how much its registers hold, how many cycles a tile's multiply-adds, loads and chains take,
/// and how much L2 holds. The order of sums does not depend on it, so neither does any bit.
Tile choose_tile(const Target& target, Dim rows, Dim depth, int element_bytes);

/// Chooses the tile for products of a batch of matrices, which may be small: one that wastes little at the edges of a
/// matrix. The operands are row-major, so a tile may have any width.
Tile choose_tile_of_batch(const Target& target, const ir::MatmulSizes& sizes, int element_bytes);

/// Returns whether the panels of a rhs with rows of `row_bytes` are better copied before the tiles read them: rows a
/// large power of two apart share few L2 sets, so those of one panel evict each other. A copy pays off if enough tiles
/// read it.
bool worth_packing(const Target& target, const Tile& tile, Dim rows, Dim depth, std::int64_t row_bytes);

/// Returns the granularity of columns in the last vector of a tile's row: half a zmm register takes half the time of a
/// whole one.
int tile_column_step(const Target& target, int element_bytes);

}  // namespace sluice::backend
