#include "runtime/byte_input.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <limits>
#include <system_error>
#include <utility>

#include "ir/error.h"

namespace sluice {

namespace {

constexpr int kGzipWindow = 15 + 16;               // zlib: the largest window, and a gzip header is expected
constexpr std::uint64_t kLargestExpansion = 1032;  // deflate cannot do better: two bits for a copy of 258 bytes

}  // namespace

std::vector<std::uint8_t> read_file(const std::filesystem::path& path) {
  std::error_code code;
  const std::uintmax_t size = std::filesystem::file_size(path, code);
  if (code) fail("{}: cannot be read: {}", path.string(), code.message());
  errno = 0;
  std::ifstream stream(path, std::ios::binary);
  std::vector<std::uint8_t> bytes(size);
  if (!stream || !stream.read(reinterpret_cast<char*>(bytes.data()), static_cast<std::streamsize>(size))) {
    fail("{}: cannot be read: {}", path.string(), std::generic_category().message(errno == 0 ? EIO : errno));
  }
  return bytes;
}

ByteInput::ByteInput(std::filesystem::path path) : path_(std::move(path)), file_(read_file(path_)) {
  gzipped_ = file_.size() >= 2 && file_[0] == 0x1f && file_[1] == 0x8b;
  if (!gzipped_) return;
  if (file_.size() > std::numeric_limits<uInt>::max())
    fail("{}: gzip files of 4 GiB and more are not read", path_.string());
  stream_.next_in = file_.data();
  stream_.avail_in = static_cast<uInt>(file_.size());
  const int status = inflateInit2(&stream_, kGzipWindow);
  SLUICE_CHECK(status == Z_OK, "inflateInit2 gave {}", status);
}

ByteInput::~ByteInput() {
  if (gzipped_) inflateEnd(&stream_);
}

std::size_t ByteInput::read(std::span<std::uint8_t> to) {
  if (gzipped_) return inflate_into(to);
  const std::size_t count = std::min(to.size(), file_.size() - position_);
  if (count > 0) std::memcpy(to.data(), file_.data() + position_, count);
  position_ += count;
  return count;
}

std::uint64_t ByteInput::drain() {
  std::vector<std::uint8_t> buffer(std::size_t{1} << 16);
  std::uint64_t total = 0;
  while (const std::size_t count = read(buffer)) total += count;
  return total;
}

std::uint64_t ByteInput::most_bytes() const { return gzipped_ ? file_.size() * kLargestExpansion : file_.size(); }

std::size_t ByteInput::inflate_into(std::span<std::uint8_t> to) {
  std::size_t done = 0;
  while (done < to.size() && !ended_) {
    const auto room = static_cast<uInt>(std::min<std::size_t>(to.size() - done, std::numeric_limits<uInt>::max()));
    stream_.next_out = to.data() + done;
    stream_.avail_out = room;
    const int status = inflate(&stream_, Z_NO_FLUSH);
    done += room - stream_.avail_out;
    if (status == Z_STREAM_END) {
      ended_ = true;
      if (stream_.avail_in > 0) fail("{}: {} bytes follow the end of its gzip data", path_.string(), stream_.avail_in);
      break;
    }
    if (status == Z_BUF_ERROR || (status == Z_OK && stream_.avail_in == 0 && stream_.avail_out > 0)) {
      fail("{}: the gzip file is cut off after {} bytes", path_.string(), file_.size());
    }
    if (status != Z_OK) {
      fail("{}: the gzip file is damaged: {}", path_.string(), stream_.msg != nullptr ? stream_.msg : zError(status));
    }
  }
  return done;
}

}  // namespace sluice
