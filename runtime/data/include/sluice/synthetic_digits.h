#pragma once

#include <cstdint>
#include <filesystem>

#include "sluice/dataset.h"

namespace sluice {

/// Draws `count` digits in the style of MNIST, u8[count,28,28] with labels u8[count]: each a glyph whose strokes are
/// bent, slanted, rotated, shifted and drawn with a pen of random width. Image i depends only on `seed` and `first` +
/// i, not on the number of threads. Programs that show results on them must say that they are synthetic. Throws Error
/// for a negative count.
Dataset synthetic_digits(std::uint64_t seed, std::uint64_t first, std::int64_t count);

/// Writes 60,000 synthetic digits for training and 10,000 for testing to `folder`, under MNIST's file names, as plain
/// IDX files. Each is written atomically, and a seed's files are always the same, so several processes may do so at
/// once. Throws Error if a file cannot be written.
void write_synthetic_digits(const std::filesystem::path& folder, std::uint64_t seed);

}  // namespace sluice
