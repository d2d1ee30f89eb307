#pragma once

#include <cstdint>

#include "backend/product_scratch.h"
#include "backend/target.h"
#include "ir/attention.h"

namespace sluice::backend {

/// The tiles of attention: `rows` queries or keys by two vectors.
struct AttentionTile {
  std::int64_t rows = 8;
  std::int64_t lanes = 16;

  std::int64_t columns() const { return 2 * lanes; }
  bool operator==(const AttentionTile&) const = default;
};

AttentionTile attention_tile(const Target& target);

/// The gradient works on blocks of this many keys by this many queries, whose weights and their derivatives are in L2.
inline constexpr std::int64_t kKeyBlock = 64;
inline constexpr std::int64_t kQueryBlock = 128;

/// The parts of a thread's scratch for one matrix of queries, as bytes from its beginning. Each begins at the next
/// cache line, for which there is room.
struct AttentionScratch {
  Bytes keys;     ///< k^T by panels of a tile's columns, or those of a block of keys: f32[panels, depth, columns]
  Bytes values;   ///< of the gradient: the same of v
  Bytes weights;  ///< f32[panels, rows, columns] of a tile of queries; of the gradient: f32[queries, keys] of a block
  Bytes slopes;   ///< of the gradient: the derivatives by the scores, likewise
  Bytes sums;     ///< f32 for each row of a tile; of the gradient: for each query
  Bytes offsets;  ///< likewise
  Bytes end;

  bool operator==(const AttentionScratch&) const = default;
};

AttentionScratch attention_scratch(const ir::AttentionParts& parts, const AttentionTile& tile);

}  // namespace sluice::backend
