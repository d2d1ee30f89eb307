#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string_view>
#include <vector>

#include "sluice/array.h"

namespace sluice {

/// A part of the address space with a regular file's bytes, followed by at least one page of zeros: kernels load whole
/// vectors at the end of an array, and the page after a mapped file is not readable. Bytes that are written change in
/// memory only.
class MappedFile {
 public:
  /// Throws Error, naming the file, if it cannot be mapped or does not have this size (any more), which is not 0.
  MappedFile(const std::filesystem::path& path, std::uint64_t file_size);
  ~MappedFile();
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::byte* at(std::uint64_t offset) const { return static_cast<std::byte*>(address_) + offset; }

 private:
  void* address_ = nullptr;
  std::uint64_t size_ = 0;
};

/// Returns the array at this offset of the file, which it keeps mapped. The bytes must be the file's. Throws Error,
/// beginning with `name`, if they are not aligned to their type, and for bools other than 0 and 1.
Array array_in(std::shared_ptr<const MappedFile> file, std::uint64_t offset, DType dtype,
               std::vector<std::int64_t> sizes, std::string_view name);

}  // namespace sluice
