#pragma once

#include <zlib.h>

#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

namespace sluice {

/// All bytes of a file, as they are. Throws Error if it cannot be read.
std::vector<std::uint8_t> read_file(const std::filesystem::path& path);

/// The bytes of a file, read front to back; those of a gzip file come unpacked.
class ByteInput {
 public:
  /// Throws Error if the file cannot be read.
  explicit ByteInput(std::filesystem::path path);
  ~ByteInput();
  ByteInput(const ByteInput&) = delete;
  ByteInput& operator=(const ByteInput&) = delete;

  /// Fills `to` as far as there are bytes and gives how many came: fewer than asked only at the end. Throws Error where
  /// a gzip file is cut off, damaged, or goes on after its end.
  std::size_t read(std::span<std::uint8_t> to);
  /// Reads on to the end, and gives how many bytes came.
  std::uint64_t drain();

  bool gzipped() const { return gzipped_; }
  /// The file's own size.
  std::uint64_t file_size() const { return file_.size(); }
  /// More bytes than this cannot come from a file of this size.
  std::uint64_t most_bytes() const;

 private:
  std::size_t inflate_into(std::span<std::uint8_t> to);

  std::filesystem::path path_;
  std::vector<std::uint8_t> file_;
  std::size_t position_ = 0;  // of a plain file
  bool gzipped_ = false;
  bool ended_ = false;  // the end of the gzip data was seen, and its checksum was right
  z_stream stream_{};
};

}  // namespace sluice
