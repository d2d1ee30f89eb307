#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "sluice/array.h"

namespace sluice {

/// What a file in the format safetensors holds: arrays by their names, and words about them.
struct SafeTensors {
  std::map<std::string, Array, std::less<>> arrays;
  std::map<std::string, std::string, std::less<>> metadata;
};

/// Reads a file of the format safetensors whose elements are F32, F64, I32, I64, U8 or BOOL. Throws Error that names
/// the file, and the array where it concerns one, for whatever the format forbids: a header that is cut off or longer
/// than 100,000,000 bytes, is no JSON or has a name twice; offsets that overlap, leave holes, do not fit the sizes or
/// the file; bools that are not 0 or 1. Nothing is allocated for what a header only claims. Where the metadata have a
/// "crc32", as those of all files that Sluice writes, it is checked and left out: a flipped bit is an error, too.
/// https://github.com/huggingface/safetensors#format
SafeTensors read_safetensors(const std::filesystem::path& path);

/// Writes such a file, with every array aligned to its elements. It appears under its name when it is complete and on
/// the disk, or not at all (AtomicFile). Throws Error if it cannot be written, or if a name is "__metadata__" or no
/// UTF-8.
void write_safetensors(const std::filesystem::path& path, const SafeTensors& tensors);

}  // namespace sluice
