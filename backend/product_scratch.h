#pragma once

#include <cstdint>

#include "backend/tile_model.h"
#include "sluice/type.h"

namespace sluice::backend {

/// A number of bytes, which may grow with symbols.
using Bytes = Dim;

/// The properties of a product that determine the scratch it needs.
struct ProductSize {
  Dim rows;
  Dim depth;
  Tile tile;
  std::int64_t lanes = 0;  ///< of a vector
  std::int64_t element_bytes = 0;
  bool packs = false;
  bool packs_blocks = false;  ///< of K, not all of it
  bool packs_ahead = false;   ///< may pack the next panel while it reads one
  bool skips_zeros = false;
  bool packs_windows = false;
};

/// The parts of a product's scratch, one behind the other, as bytes from its beginning, where two tiles on their way to
/// the store lie. A part that the product does not need is empty.
struct ProductScratch {
  Bytes panel;       ///< the rhs, packed: a row of the tile's columns for each step of K
  Bytes next_panel;  ///< packed ahead
  Bytes sums;        ///< accumulators of a panel's tiles, where K is blocked
  Bytes lists;       ///< of the first factor's elements that are not 0 (codegen/nonzero_lists.h)
  Bytes windows;     ///< the lhs of a tile, packed: rows of window_row() elements
  Bytes end;
  std::int64_t list_bytes = 0;  ///< of one list

  bool operator==(const ProductScratch&) const = default;
};

/// The elements from one row of packed windows to the next. Rows are an odd number of cache lines, so that those of a
/// tile do not lie in the same sets of the cache.
std::int64_t window_row(std::int64_t depth, std::int64_t element_bytes);

ProductScratch product_scratch(const ProductSize& size);

}  // namespace sluice::backend
