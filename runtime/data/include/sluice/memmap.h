#pragma once

#include <filesystem>
#include <initializer_list>
#include <source_location>
#include <span>

#include "sluice/array.h"
#include "sluice/pipeline.h"

// Data that does not fit in memory: files that the operating system reads page by page when their elements are used,
// and may forget again. They must not be changed or truncated while an array exists: the program would read other
// elements, or end by SIGBUS.
namespace sluice {

/// Returns the array in a .npy file without reading it, as NumPy's load(path, mmap_mode="c"): elements that are written
/// change in memory only. Throws Error as read_npy does, and for files that cannot be mapped: gzipped ones, pipes, and
/// elements that are not aligned to their type. A file of bools is read once, to check it.
Array memmap_npy(const std::filesystem::path& path);

/// Returns the rows of all `inputs`, one file after the other, with those of the file of `targets` at the same position
/// as targets; a batch reads the rows that it needs. For examples of several arrays, zip such pipelines. Throws Error
/// without files, unless there are as many of both, and if two files at the same position have different numbers of
/// rows, or files have rows of different types.
Pipeline memmap_dataset(std::span<const std::filesystem::path> inputs, std::span<const std::filesystem::path> targets,
                        std::source_location where = std::source_location::current());
inline Pipeline memmap_dataset(std::initializer_list<std::filesystem::path> inputs,
                               std::initializer_list<std::filesystem::path> targets,
                               std::source_location where = std::source_location::current()) {
  return memmap_dataset(std::span(inputs.begin(), inputs.size()), std::span(targets.begin(), targets.size()), where);
}

}  // namespace sluice
