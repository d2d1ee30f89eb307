#include "backend/arena.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

namespace sluice::backend {
namespace {

struct Block {
  Lifetime lifetime;
  std::int64_t begin;
  std::int64_t end;
};

/// Finds the lowest free offset by searching all blocks.
std::int64_t lowest_free(std::vector<Block> blocks, Lifetime lifetime, std::int64_t bytes) {
  std::ranges::sort(blocks, {}, &Block::begin);
  std::int64_t offset = 0;
  for (const Block& block : blocks) {
    if (block.lifetime.first > lifetime.last || lifetime.first > block.lifetime.last) continue;
    if (offset + bytes <= block.begin) break;
    offset = std::max(offset, block.end);
  }
  return offset;
}

TEST_CASE("a block gets the lowest offset that is free throughout its lifetime") {
  std::mt19937 random(1);
  const auto below = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  for (const int kernels : {1, 2, 7, 64, 100}) {
    CAPTURE(kernels);
    Arena arena(static_cast<std::size_t>(kernels));
    std::vector<Block> blocks;
    for (int i = 0; i < 300; ++i) {
      const int first = below(kernels);
      const Lifetime lifetime{first, first + below(std::min(kernels - first, i % 2 == 0 ? 4 : kernels))};
      const std::int64_t bytes = 64 * (1 + below(5));
      const std::int64_t expected = lowest_free(blocks, lifetime, bytes);
      const std::int64_t offset = arena.reserve(lifetime, bytes);
      REQUIRE(offset == expected);
      blocks.push_back({lifetime, offset, offset + bytes});
    }
  }
}

}  // namespace
}  // namespace sluice::backend
