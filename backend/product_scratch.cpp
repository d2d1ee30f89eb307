#include "backend/product_scratch.h"

#include "backend/layout.h"

namespace sluice::backend {

namespace {

/// Returns ceil(size / parts).
std::int64_t part(std::int64_t size, std::int64_t parts) { return (size + parts - 1) / parts; }

/// `rows` rows, and `more`, of a tile's columns.
Bytes rows_of(const ProductSize& size, Dim rows, std::int64_t more) {
  const std::int64_t row = size.tile.vectors * size.lanes * size.element_bytes;
  return (rows + more) * row;
}

/// The steps of K that one list covers.
std::int64_t block_of(const ProductSize& size) {
  return size.tile.depth_block > 0 ? size.tile.depth_block : size.depth.size;
}

std::int64_t list_bytes(std::int64_t positions) {
  constexpr std::int64_t kEntry = 2;
  constexpr std::int64_t kMore = 20;  // the list's length in front of it, and a vector that is stored behind it
  return part((positions + kMore) * kEntry, kLine) * kLine;
}

/// Two numbers, the list of all positions, and one for each block of each tile.
Bytes lists_of(const ProductSize& size, std::int64_t list) {
  const std::int64_t block = block_of(size);
  const std::int64_t tiles = part(size.rows.size, size.tile.rows);
  const std::int64_t blocks = part(size.depth.size, block);
  const Bytes before = kLine + list;
  if (size.rows.batch)  // one more of a tile that is not whole
    return before + blocks * list + Dim(part(size.rows.size * blocks * list, size.tile.rows), size.rows.batch);
  if (size.depth.batch)  // of a block that is not whole
    return before + tiles * list + Dim(part(size.depth.size * tiles * list, block), size.depth.batch);
  return before + tiles * blocks * list;
}

}  // namespace

std::int64_t window_row(std::int64_t depth, std::int64_t element_bytes) {
  return (part(depth * element_bytes, kLine) | 1) * kLine / element_bytes;
}

ProductScratch product_scratch(const ProductSize& size) {
  ProductScratch parts;
  parts.panel = rows_of(size, 2 * size.tile.rows, 0);
  // A strip of a packed panel reaches past the end of K.
  const Dim packed = size.packs_blocks ? Dim(size.tile.depth_block) : size.depth;
  parts.next_panel = size.packs ? parts.panel + rows_of(size, packed, size.lanes) : parts.panel;
  parts.sums = size.packs_ahead ? parts.next_panel + rows_of(size, size.depth, size.lanes) : parts.next_panel;
  parts.lists = size.tile.depth_block > 0 ? parts.sums + rows_of(size, size.rows, size.tile.rows) : parts.sums;
  parts.windows = parts.lists;
  if (size.skips_zeros) {
    parts.list_bytes = list_bytes(block_of(size));
    parts.windows = parts.lists + lists_of(size, parts.list_bytes);
  }
  parts.end = parts.windows;
  if (size.packs_windows)
    parts.end = parts.windows + size.tile.rows * window_row(size.depth.size, size.element_bytes) * size.element_bytes;
  return parts;
}

}  // namespace sluice::backend
