// The tiles that the CPU model chooses for products.
#include "backend/tile_model.h"

#include <doctest/doctest.h>

#include "backend/layout.h"

namespace sluice::backend {
namespace {

Target cpu(int vector_bytes, int registers, bool fma) {
  Target target;
  target.vector_bytes = vector_bytes;
  target.vector_registers = registers;
  target.fma = fma;
  return target;
}

TEST_CASE("the tile fills the registers of each kind of CPU") {
  const auto tile = [](const Target& target, int bytes) {
    const Tile chosen = choose_tile(target, 128, 784, bytes);
    CHECK(kPanelColumns % (chosen.vectors * target.lanes(bytes)) == 0);
    return std::pair(chosen.rows, chosen.vectors);
  };
  using Shape = std::pair<std::int64_t, std::int64_t>;
  CHECK(tile(cpu(64, 32, true), 4) == Shape{8, 3});
  CHECK(tile(cpu(64, 32, true), 8) == Shape{14, 2});  // panels of 48 doubles can be divided into pairs of vectors
  for (const int bytes : {4, 8}) {
    CHECK(tile(cpu(32, 16, true), bytes) == Shape{4, 3});
    CHECK(tile(cpu(16, 16, false), bytes) == Shape{6, 2});  // a product needs its own register
  }
}

TEST_CASE("the tile of a batch of matrices leaves few rows and columns over") {
  const auto tile = [](const Target& target, Dim m, Dim n, Dim k) {
    const Tile chosen = choose_tile_of_batch(target, {{batch}, m, n, k}, 4);
    // The accumulators, a row of the panel, and an element by which all vectors of a row are multiplied.
    CHECK(chosen.rows * chosen.vectors + chosen.vectors + 1 <= target.vector_registers);
    return std::pair(chosen.rows, chosen.vectors);
  };
  using Shape = std::pair<std::int64_t, std::int64_t>;
  const Target widest = cpu(64, 32, true);
  CHECK(tile(widest, 64, 64, 64) == Shape{6, 4});
  CHECK(tile(widest, 128, 128, 64) == Shape{6, 4});
  CHECK(tile(widest, 28, 28, 28) == Shape{14, 2});
  CHECK(tile(widest, 5, 5, 64) == Shape{5, 1});
  CHECK(tile(widest, 1, 64, 64) == Shape{1, 4});
  CHECK(tile(widest, 0, 0, 0).second == 1);
  CHECK(tile(cpu(32, 16, true), 64, 64, 64) == Shape{6, 2});
  CHECK(tile(cpu(16, 16, false), 64, 64, 64) == Shape{6, 2});
  CHECK(choose_tile_of_batch(widest, {{2}, 64, 64, 1 * batch}, 4).depth_block > 0);
}

TEST_CASE("products with large K are split into blocks that fit L2") {
  Target target = cpu(64, 32, true);
  target.second_cache_bytes = 1 << 20;
  CHECK(choose_tile(target, 128, 784, 4).depth_block == 0);
  CHECK(choose_tile(target, 128, 4096, 4).depth_block == 256);
  CHECK(choose_tile(target, 784, batch, 4).depth_block == 256);
  CHECK(choose_tile(target, 1000, batch, 4).depth_block == 192);
  target.second_cache_bytes = 256 << 10;
  CHECK(choose_tile(target, 128, 784, 4).depth_block == 256);
  CHECK(choose_tile(target, 784, batch, 4).depth_block == 128);
}

TEST_CASE("a panel is copied if its rows share few L2 sets and enough tiles read it") {
  Target target = cpu(64, 32, true);
  target.second_cache_bytes = 1 << 20;
  const Tile tile{8, 3, 0};
  const auto worth = [&](int rows, int depth, std::int64_t columns) {
    return worth_packing(target, tile, rows, depth, 4 * columns);
  };
  CHECK(worth(4096, 128, 4096));
  CHECK(worth(256, 128, 2048));
  CHECK_FALSE(worth(256, 128, 1024));
  CHECK(worth(256, 256, 1024));
  CHECK_FALSE(worth(4096, 128, 4080));
  CHECK_FALSE(worth(4096, 128, 4096 + 16));
  CHECK_FALSE(worth(128, 128, 4096));
}

}  // namespace
}  // namespace sluice::backend
