#pragma once

#include <cstdint>

#include "backend/target.h"
#include "ir/matmul.h"

namespace sluice::backend {

/// How a product is cut up for one CPU.
struct Tile {
  std::int64_t rows = 0;  ///< the tile that stays in registers: rows by vectors
  std::int64_t vectors = 0;
  std::int64_t depth_block = 0;  ///< the inner positions that one turn through a panel's tiles takes; 0: all at once

  bool operator==(const Tile&) const = default;
};

/// Chooses the tile of products of elements of `element_bytes`, and for one of `rows` and `depth` its blocks, by a
/// model of the CPU: what its registers hold, how many cycles a tile's multiply-adds, loads and chains take, and what
/// its second cache holds. The order of sums does not depend on it, so no bit does.
Tile choose_tile(const Target& target, Dim rows, Dim depth, int element_bytes);

/// Chooses the tile of products of the matrices of a batch, which may be small: one whose pieces at the edges of a
/// matrix waste little. Their operands lie row by row, so a tile may be of any width.
Tile choose_tile_of_batch(const Target& target, const ir::MatmulSizes& sizes, int element_bytes);

/// Whether the panels of a second factor, whose rows of `row_bytes` lie one behind the other, are better copied before
/// the tiles read them: rows that lie a large power of two apart share few sets of the second cache, from which those
/// of one panel drive each other out. A copy pays where enough tiles read it.
bool worth_packing(const Target& target, const Tile& tile, Dim rows, Dim depth, std::int64_t row_bytes);

/// The last vector of a tile's row has a multiple of so many columns: half a zmm register takes half the time of a
/// whole one.
int tile_column_step(const Target& target, int element_bytes);

}  // namespace sluice::backend
