#include "sluice/memmap.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "runtime/data/npy_header.h"
#include "runtime/data/rows.h"
#include "runtime/io/byte_input.h"
#include "runtime/io/byte_size.h"
#include "sluice/error.h"

namespace sluice {

namespace {

[[noreturn]] void fail_map(const std::filesystem::path& path, int error) {
  fail("{}: cannot be mapped: {}", path.string(), std::generic_category().message(error));
}

/// A part of the address space with a file's bytes, followed by at least one page of zeros: kernels load whole vectors
/// at the end of an array, and the page after a mapped file is not readable.
class MappedFile {
 public:
  MappedFile(const std::filesystem::path& path, std::uint64_t file_size) {
    const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
    size_ = (file_size + page - 1) / page * page + page;
    const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (descriptor < 0) fail_map(path, errno);
    // Written pages are copies of the process's own; no memory is reserved for them, which may not be there.
    constexpr int kOwn = MAP_PRIVATE | MAP_NORESERVE;
    struct stat status {};
    const bool same = fstat(descriptor, &status) == 0 && static_cast<std::uint64_t>(status.st_size) == file_size;
    address_ = mmap(nullptr, size_, PROT_READ | PROT_WRITE, kOwn | MAP_ANONYMOUS, -1, 0);
    int error = address_ == MAP_FAILED ? errno : 0;
    if (error == 0 &&
        mmap(address_, file_size, PROT_READ | PROT_WRITE, kOwn | MAP_FIXED, descriptor, 0) == MAP_FAILED) {
      error = errno;
      munmap(address_, size_);
    }
    close(descriptor);
    if (error != 0) fail_map(path, error);
    if (same) return;
    munmap(address_, size_);
    fail("{}: changed while it was opened", path.string());
  }
  ~MappedFile() { munmap(address_, size_); }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  std::byte* at(std::uint64_t offset) const { return static_cast<std::byte*>(address_) + offset; }

 private:
  void* address_ = nullptr;
  std::uint64_t size_ = 0;
};

}  // namespace

Array memmap_npy(const std::filesystem::path& path) {
  const std::string name = path.string();
  ByteInput input(path);
  if (input.gzipped()) fail("{}: expected a plain npy file, which can be mapped, got a gzipped file", name);
  const NpyHeader header = read_npy_header(input);
  const std::optional<std::uint64_t> file_size = input.file_size();
  if (!file_size) fail("{}: expected a regular file, which can be mapped", name);
  const std::string type = to_string(Type{header.dtype, Shape::of(header.sizes)});
  const std::optional<std::uint64_t> bytes = byte_size(header.dtype, header.sizes);
  if (!bytes || *file_size != header.bytes + *bytes) {
    fail("{}: its header says {}, which does not fit a file of {} bytes", name, type, *file_size);
  }
  if (header.bytes % size_of(header.dtype) != 0) {
    fail("{}: expected elements aligned to their type, {}, got a header of {} bytes", name, type, header.bytes);
  }
  if (*bytes == 0) return {header.dtype, header.sizes};
  auto mapped = std::make_shared<MappedFile>(path, *file_size);
  std::byte* const elements = mapped->at(header.bytes);
  const auto is_bool = [](std::byte byte) { return byte <= std::byte{1}; };
  if (header.dtype == DType::kBool && !std::all_of(elements, elements + *bytes, is_bool)) {
    fail("{}: expected bools, which are bytes 0 and 1", name);
  }
  return Array::borrow(header.dtype, header.sizes, std::shared_ptr<void>(std::move(mapped), elements));
}

Pipeline memmap_dataset(std::span<const std::filesystem::path> inputs, std::span<const std::filesystem::path> targets,
                        std::source_location where) {
  const Location location = detail::location_of(where);
  if (inputs.empty() || inputs.size() != targets.size()) {
    throw Error(fmt::format("memmap_dataset: expected a file of targets for each file of inputs, got {} and {} files",
                            targets.size(), inputs.size()),
                location);
  }
  std::vector<Pipeline> parts;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    Array input = memmap_npy(inputs[i]);
    Array target = memmap_npy(targets[i]);
    if (input.rank() < 1 || target.rank() < 1 || input.sizes()[0] != target.sizes()[0]) {
      throw Error(fmt::format("{}: expected a target for each row of {}, got {} and {}", targets[i].string(),
                              inputs[i].string(), to_string(target.type()), to_string(input.type())),
                  location);
    }
    parts.emplace_back(Dataset(std::move(input), std::move(target)));
  }
  return parts.size() == 1 ? parts.front() : concat(parts, where);
}

}  // namespace sluice
