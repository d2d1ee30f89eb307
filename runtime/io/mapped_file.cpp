#include "runtime/io/mapped_file.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "sluice/error.h"

namespace sluice {

namespace {

[[noreturn]] void fail_map(const std::filesystem::path& path, int error) {
  fail("{}: cannot be mapped: {}", path.string(), std::generic_category().message(error));
}

}  // namespace

MappedFile::MappedFile(const std::filesystem::path& path, std::uint64_t file_size) {
  const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  size_ = (file_size + page - 1) / page * page + page;
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) fail_map(path, errno);
  struct stat status {};
  const bool same = fstat(descriptor, &status) == 0 && static_cast<std::uint64_t>(status.st_size) == file_size;
  // Written pages are copies of the process's own; no memory is reserved for them, which may not be there.
  constexpr int kOwn = MAP_PRIVATE | MAP_NORESERVE;
  address_ = mmap(nullptr, size_, PROT_READ | PROT_WRITE, kOwn | MAP_ANONYMOUS, -1, 0);
  int error = address_ == MAP_FAILED ? errno : 0;
  if (error == 0 && mmap(address_, file_size, PROT_READ | PROT_WRITE, kOwn | MAP_FIXED, descriptor, 0) == MAP_FAILED) {
    error = errno;
    munmap(address_, size_);
  }
  close(descriptor);
  if (error != 0) fail_map(path, error);
  if (same) return;
  munmap(address_, size_);
  fail("{}: changed while it was opened", path.string());
}

MappedFile::~MappedFile() { munmap(address_, size_); }

Array array_in(std::shared_ptr<const MappedFile> file, std::uint64_t offset, DType dtype,
               std::vector<std::int64_t> sizes, std::string_view name) {
  const Type type{dtype, Shape::of(sizes)};
  if (offset % size_of(dtype) != 0) {
    fail("{}: expected elements aligned to their type, {}, got them at byte {} of the file", name, to_string(type),
         offset);
  }
  std::byte* const elements = file->at(offset);
  Array array = Array::borrow(dtype, std::move(sizes), std::shared_ptr<void>(std::move(file), elements));
  const auto is_bool = [](std::byte byte) { return byte <= std::byte{1}; };
  if (dtype == DType::kBool && !std::all_of(elements, elements + array.byte_count(), is_bool)) {
    fail("{}: expected bools, which are bytes 0 and 1", name);
  }
  return array;
}

}  // namespace sluice
