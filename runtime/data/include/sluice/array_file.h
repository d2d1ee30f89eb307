#pragma once

#include <filesystem>

#include "sluice/array.h"
#include "sluice/dataset.h"

namespace sluice {

class ByteInput;

/// The array in a file of NumPy (.npy) or an IDX file, plain or gzipped; what it is, its first bytes say. Throws Error
/// if they say neither, and as read_npy and read_idx do.
Array read_array(const std::filesystem::path& path);
Array read_array(ByteInput& input);

/// A data set of two such files. Throws Error that names both if they do not have the same number of rows, or if they
/// look exchanged: integers as inputs, and a whole array for the target of each.
Dataset read_dataset(const std::filesystem::path& inputs, const std::filesystem::path& targets);

}  // namespace sluice
