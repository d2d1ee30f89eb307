#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <string>

#include "sluice/array.h"

namespace sluice {

/// The contents of a safetensors file: named arrays, and metadata.
struct SafeTensors {
  std::map<std::string, Array, std::less<>> arrays;
  std::map<std::string, std::string, std::less<>> metadata;
};

/// Reads a safetensors file whose elements are F32, F64, I32, I64, U8 or BOOL. Throws Error, naming the file, and the
/// array if it concerns one, for anything that the format forbids: a header that is truncated or longer than
/// 100,000,000 bytes, is not JSON or has a duplicate name; offsets that overlap, leave holes, or do not fit the sizes
/// or the file; bools other than 0 and 1. Allocates nothing for what a header merely claims. If the metadata have a
/// "crc32", as in all files that Sluice writes, it is verified and left out of the result, so a flipped bit is an
/// error.
/// https://github.com/huggingface/safetensors#format
SafeTensors read_safetensors(const std::filesystem::path& path);

/// Writes such a file atomically, with every array aligned to its elements. Throws Error if it cannot be written, or if
/// a name is "__metadata__" or not UTF-8.
void write_safetensors(const std::filesystem::path& path, const SafeTensors& tensors);

}  // namespace sluice
