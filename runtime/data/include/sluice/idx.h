#pragma once

#include <filesystem>

#include "sluice/array.h"

namespace sluice {

class ByteInput;

/// Reads an IDX file of bytes, the format of MNIST, plain or gzipped: u8 of rank 1 to 4. Throws Error, naming the file,
/// the expectation and what was found, if it cannot be read, is not an IDX file, has another element type or rank, has
/// a size that does not fit, is truncated or damaged (including gzip's checksum), or continues after its data.
Array read_idx(const std::filesystem::path& path);
Array read_idx(ByteInput& input);

/// Writes `array`, u8 of rank 1 to 4, as a plain IDX file. Written atomically, so several processes may write it at
/// once. Throws Error if it cannot be written or the array does not fit the format.
void write_idx(const std::filesystem::path& path, const Array& array);

}  // namespace sluice
