#pragma once

#include <filesystem>

#include "sluice/array.h"

namespace sluice {

class ByteInput;

/// Reads an IDX file of bytes, the format of MNIST, plain or gzipped: u8 of rank 1 to 4. Throws Error that names the
/// file, what was expected and what came, for a file that cannot be read, is no IDX file, has another element type or
/// rank, has a size that does not fit, is cut off or damaged (gzip's checksum included), or goes on after its data.
Array read_idx(const std::filesystem::path& path);
Array read_idx(ByteInput& input);

/// Writes `array`, u8 of rank 1 to 4, as a plain IDX file. The file appears under its name when it is complete and on
/// the disk, or not at all, so several processes may write it at once. Throws Error if it cannot be written or the
/// array does not fit the format.
void write_idx(const std::filesystem::path& path, const Array& array);

}  // namespace sluice
