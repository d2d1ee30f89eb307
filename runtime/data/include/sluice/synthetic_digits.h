#pragma once

#include <cstdint>
#include <filesystem>

#include "sluice/dataset.h"

namespace sluice {

/// Draws `count` digits as MNIST has them, u8[count,28,28] with labels u8[count]: each a glyph whose strokes were bent,
/// slanted, turned, shifted and drawn with a pen of some width. Image i depends on `seed` and `first` + i only, not on
/// the number of threads. These are drawn by a program: whoever shows results on them has to say so. Throws Error for a
/// negative count.
Dataset synthetic_digits(std::uint64_t seed, std::uint64_t first, std::int64_t count);

/// Writes 60,000 synthetic digits to train with and 10,000 to test with to `folder`, under MNIST's file names, as plain
/// IDX files. Each appears when it is complete, and a seed's files are always the same, so several processes may do so
/// at once. Throws Error if a file cannot be written.
void write_synthetic_digits(const std::filesystem::path& folder, std::uint64_t seed);

}  // namespace sluice
