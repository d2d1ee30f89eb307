#pragma once

#include <zlib.h>

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <vector>

namespace sluice {

/// The bytes of a file, pipe or device, read front to back and never more than is asked for; those of a gzip file come
/// unpacked. Any reading function throws Error if the file cannot be read, and where a gzip file is cut off, damaged,
/// or followed by something else than another gzip member.
class ByteInput {
 public:
  explicit ByteInput(std::filesystem::path path);
  ~ByteInput();
  ByteInput(const ByteInput&) = delete;
  ByteInput& operator=(const ByteInput&) = delete;

  const std::filesystem::path& path() const { return path_; }

  /// Returns the next bytes, `count` or fewer at the end, without taking them.
  std::span<const std::uint8_t> peek(std::size_t count);
  /// Fills `to` as far as there are bytes and returns how many came: fewer than asked only at the end.
  std::size_t read(std::span<std::uint8_t> to);
  /// Reads up to `most` bytes.
  std::vector<std::uint8_t> read_up_to(std::uint64_t most);
  /// Reads on to the end. Throws Error for more than `most` bytes, without reading them.
  std::vector<std::uint8_t> read_rest(std::uint64_t most);

  bool gzipped() const { return gzipped_; }
  /// The size of a regular file as it is stored; nothing for a pipe or device, whose end nobody knows.
  std::optional<std::uint64_t> file_size() const { return file_size_; }
  /// More bytes than this cannot come from a regular file.
  std::optional<std::uint64_t> most_bytes() const;

 private:
  bool refill();
  std::size_t read_stored(std::span<std::uint8_t> to);
  std::size_t inflate_into(std::span<std::uint8_t> to);
  bool begin_next_member();

  std::filesystem::path path_;
  int descriptor_ = -1;
  std::optional<std::uint64_t> file_size_;
  std::vector<std::uint8_t> block_;       // of the file as it is stored
  std::span<const std::uint8_t> stored_;  // of block_: not taken yet
  std::uint64_t stored_bytes_ = 0;        // that came from the file so far
  std::vector<std::uint8_t> looked_at_;   // by peek(), and not taken yet
  bool gzipped_ = false;
  bool ended_ = false;  // the end of the gzip data was seen, and its checksum was right
  z_stream stream_{};
};

/// Larger files are not read whole: graphs, manifests and pictures are far smaller.
inline constexpr std::uint64_t kLargestWholeFile = std::uint64_t{1} << 28;

/// Returns all bytes of a file, unpacked. Throws Error if it cannot be read or has more than kLargestWholeFile.
std::vector<std::uint8_t> read_file(const std::filesystem::path& path);

}  // namespace sluice
