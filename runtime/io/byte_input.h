#pragma once

#include <zlib.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <vector>

namespace sluice {

/// The bytes of a file, pipe or device, read sequentially and never more than requested; gzip files are decompressed.
/// Every reading function throws Error if the file cannot be read, or if a gzip file is truncated, damaged, or followed
/// by anything but another gzip member.
class ByteInput {
 public:
  explicit ByteInput(std::filesystem::path path);
  ~ByteInput();
  ByteInput(const ByteInput&) = delete;
  ByteInput& operator=(const ByteInput&) = delete;

  const std::filesystem::path& path() const { return path_; }

  /// Returns the next bytes, `count` or fewer at the end, without consuming them.
  std::span<const std::uint8_t> peek(std::size_t count);
  /// Fills `to` as far as bytes are available and returns their number, which is smaller than requested only at the
  /// end.
  std::size_t read(std::span<std::uint8_t> to);
  /// Reads up to `most` bytes.
  std::vector<std::uint8_t> read_up_to(std::uint64_t most);
  /// Reads the rest. Throws Error for more than `most` bytes, without reading them.
  std::vector<std::uint8_t> read_rest(std::uint64_t most);

  bool gzipped() const { return gzipped_; }
  /// Returns the stored size of a regular file; nothing for a pipe or device, whose end is unknown.
  std::optional<std::uint64_t> file_size() const { return file_size_; }
  /// Returns an upper bound on the bytes that can come from a regular file.
  std::optional<std::uint64_t> most_bytes() const;

 private:
  bool refill();
  std::size_t read_stored(std::span<std::uint8_t> to);
  std::size_t inflate_into(std::span<std::uint8_t> to);
  bool begin_next_member();

  std::filesystem::path path_;
  int descriptor_ = -1;
  std::optional<std::uint64_t> file_size_;
  std::vector<std::uint8_t> block_;       // of the file as stored
  std::span<const std::uint8_t> stored_;  // of block_, not consumed yet
  std::uint64_t stored_bytes_ = 0;        // read from the file so far
  std::vector<std::uint8_t> looked_at_;   // by peek(), not consumed yet
  bool gzipped_ = false;
  bool ended_ = false;  // the end of the gzip data was seen, and its checksum matched
  z_stream stream_{};
};

/// Larger files are not read as a whole: graphs, manifests and images are far smaller.
inline constexpr std::uint64_t kLargestWholeFile = std::uint64_t{1} << 28;

/// Returns all bytes of a file, decompressed. Throws Error if it cannot be read or has more than kLargestWholeFile.
std::vector<std::uint8_t> read_file(const std::filesystem::path& path);

}  // namespace sluice
