#pragma once

#include <filesystem>

#include "sluice/array.h"
#include "sluice/dataset.h"

namespace sluice {

class ByteInput;

/// Reads the array in a NumPy (.npy) or IDX file, plain or gzipped, which it recognizes by the first bytes. Throws
/// Error if it is neither, and as read_npy and read_idx do.
Array read_array(const std::filesystem::path& path);
Array read_array(ByteInput& input);

/// Reads a data set from two such files. Throws Error, naming both, if their numbers of rows differ, or if they look
/// swapped: integers as inputs, and a whole array as the target of each.
Dataset read_dataset(const std::filesystem::path& inputs, const std::filesystem::path& targets);

}  // namespace sluice
