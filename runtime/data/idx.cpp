#include "sluice/idx.h"

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "runtime/data/array_elements.h"
#include "runtime/io/atomic_file.h"
#include "sluice/error.h"

namespace sluice {

namespace {

constexpr std::uint8_t kBytes = 0x08;  // IDX's number for u8
constexpr int kLargestRank = 4;
constexpr std::size_t kMagicSize = 4;  // two zeros, the element type, the rank
constexpr std::size_t kBytesPerSize = 4;

// Sizes are big endian.
std::uint32_t load_size(const std::uint8_t* from) {
  return std::uint32_t{from[0]} << 24 | std::uint32_t{from[1]} << 16 | std::uint32_t{from[2]} << 8 | from[3];
}

void append_size(std::vector<std::uint8_t>& to, std::uint32_t size) {
  for (const int shift : {24, 16, 8, 0}) to.push_back(static_cast<std::uint8_t>(size >> shift));
}

std::vector<std::int64_t> read_header(ByteInput& input) {
  const std::string name = input.path().string();
  std::array<std::uint8_t, kMagicSize + kLargestRank * kBytesPerSize> header{};
  const std::size_t got = input.read(std::span(header).first(kMagicSize));
  if (got < kMagicSize) fail("{}: expected an idx file, got a file of {} bytes", name, got);
  if (header[0] != 0 || header[1] != 0) {
    fail("{}: expected an idx file, which starts with the bytes 00 00, got {:02x} {:02x}", name, header[0], header[1]);
  }
  if (header[2] != kBytes) fail("{}: expected the idx element type 08 (u8), got {:02x}", name, header[2]);
  const int rank = header[3];
  if (rank < 1 || rank > kLargestRank)
    fail("{}: expected an idx file of rank 1 to {}, got {}", name, kLargestRank, rank);

  const std::size_t header_size = kMagicSize + static_cast<std::size_t>(rank) * kBytesPerSize;
  const std::size_t came = kMagicSize + input.read(std::span(header).subspan(kMagicSize, header_size - kMagicSize));
  if (came < header_size) fail("{}: expected an idx header of {} bytes, got {}", name, header_size, came);
  std::vector<std::int64_t> sizes;
  for (std::size_t at = kMagicSize; at < header_size; at += kBytesPerSize) sizes.push_back(load_size(&header[at]));
  return sizes;
}

}  // namespace

Array read_idx(const std::filesystem::path& path) {
  ByteInput input(path);
  return read_idx(input);
}

Array read_idx(ByteInput& input) {
  std::vector<std::int64_t> sizes = read_header(input);
  return read_elements(input, DType::kU8, std::move(sizes));
}

void write_idx(const std::filesystem::path& path, const Array& array) {
  if (array.dtype() != DType::kU8 || array.rank() < 1 || array.rank() > kLargestRank) {
    fail("{}: expected u8 of rank 1 to {} for an idx file, got {}", path.string(), kLargestRank,
         to_string(array.type()));
  }
  std::vector<std::uint8_t> header{0, 0, kBytes, static_cast<std::uint8_t>(array.rank())};
  for (const std::int64_t size : array.sizes()) {
    if (size > std::int64_t{0xffffffff})
      fail("{}: {} is too large for an idx file", path.string(), to_string(array.type()));
    append_size(header, static_cast<std::uint32_t>(size));
  }
  AtomicFile file(path);
  file.write(std::as_bytes(std::span(header)));
  file.write(std::span(array.bytes(), array.byte_count()));
  file.commit();
}

}  // namespace sluice
