#include "runtime/io/byte_input.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <system_error>
#include <utility>

#include "sluice/error.h"

namespace sluice {

namespace {

constexpr int kGzipWindow = 15 + 16;               // zlib: the largest window, and expect a gzip header
constexpr std::uint64_t kLargestExpansion = 1032;  // deflate cannot do better: two bits for a copy of 258 bytes
constexpr std::size_t kBlock = std::size_t{1} << 16;
constexpr std::uint8_t kGzipMagic[] = {0x1f, 0x8b};

[[noreturn]] void fail_read(const std::filesystem::path& path) {
  fail("{}: cannot be read: {}", path.string(), std::generic_category().message(errno));
}

}  // namespace

ByteInput::ByteInput(std::filesystem::path path) : path_(std::move(path)) {
  descriptor_ = open(path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor_ < 0) fail_read(path_);
  try {
    struct stat status {};
    if (fstat(descriptor_, &status) == 0 && S_ISREG(status.st_mode))
      file_size_ = static_cast<std::uint64_t>(status.st_size);
    block_.resize(kBlock);
    while (stored_.size() < std::size(kGzipMagic) && refill()) {
    }
    gzipped_ = stored_.size() >= std::size(kGzipMagic) &&
               std::equal(std::begin(kGzipMagic), std::end(kGzipMagic), stored_.begin());
    if (!gzipped_) return;
    const int status_of_zlib = inflateInit2(&stream_, kGzipWindow);
    SLUICE_CHECK(status_of_zlib == Z_OK, "inflateInit2 gave {}", status_of_zlib);
  } catch (...) {
    close(descriptor_);
    throw;
  }
}

ByteInput::~ByteInput() {
  if (gzipped_) inflateEnd(&stream_);
  close(descriptor_);
}

std::span<const std::uint8_t> ByteInput::peek(std::size_t count) {
  if (looked_at_.size() < count) {
    const std::size_t had = looked_at_.size();
    std::vector<std::uint8_t> more(count - had);
    const std::size_t came = gzipped_ ? inflate_into(more) : read_stored(more);
    looked_at_.insert(looked_at_.end(), more.begin(), more.begin() + static_cast<std::ptrdiff_t>(came));
  }
  return std::span(looked_at_).first(std::min(count, looked_at_.size()));
}

std::size_t ByteInput::read(std::span<std::uint8_t> to) {
  const std::size_t known = std::min(to.size(), looked_at_.size());
  std::copy_n(looked_at_.begin(), known, to.begin());
  looked_at_.erase(looked_at_.begin(), looked_at_.begin() + static_cast<std::ptrdiff_t>(known));
  const std::span<std::uint8_t> rest = to.subspan(known);
  return known + (gzipped_ ? inflate_into(rest) : read_stored(rest));
}

std::vector<std::uint8_t> ByteInput::read_up_to(std::uint64_t most) {
  std::vector<std::uint8_t> bytes;
  while (bytes.size() < most) {
    // Grows with the data received: nothing is allocated for what a header merely claims.
    const std::size_t had = bytes.size();
    bytes.resize(had + static_cast<std::size_t>(std::min<std::uint64_t>(most - had, std::max(had, kBlock))));
    const std::size_t came = read(std::span(bytes).subspan(had));
    if (had + came == bytes.size()) continue;
    bytes.resize(had + came);
    break;
  }
  return bytes;
}

std::vector<std::uint8_t> ByteInput::read_rest(std::uint64_t most) {
  if (!gzipped_ && file_size_.value_or(0) > most)
    fail("{}: expected a file of at most {} bytes, got {}", path_.string(), most, *file_size_);
  std::vector<std::uint8_t> bytes = read_up_to(most);
  if (!peek(1).empty()) fail("{}: expected at most {} bytes, got more", path_.string(), most);
  return bytes;
}

std::optional<std::uint64_t> ByteInput::most_bytes() const {
  if (!file_size_ || !gzipped_) return file_size_;
  return *file_size_ * kLargestExpansion;
}

/// Appends a block to the stored bytes; returns false at the end of the file.
bool ByteInput::refill() {
  std::copy(stored_.begin(), stored_.end(), block_.begin());
  const std::size_t had = stored_.size();
  ssize_t came = 0;
  do {
    came = ::read(descriptor_, block_.data() + had, block_.size() - had);
  } while (came < 0 && errno == EINTR);
  if (came < 0) fail_read(path_);
  stored_ = std::span(block_).first(had + static_cast<std::size_t>(came));
  stored_bytes_ += static_cast<std::uint64_t>(came);
  return came > 0;
}

std::size_t ByteInput::read_stored(std::span<std::uint8_t> to) {
  std::size_t done = 0;
  while (done < to.size() && (!stored_.empty() || refill())) {
    const std::size_t count = std::min(to.size() - done, stored_.size());
    std::copy_n(stored_.begin(), count, to.begin() + static_cast<std::ptrdiff_t>(done));
    stored_ = stored_.subspan(count);
    done += count;
  }
  return done;
}

std::size_t ByteInput::inflate_into(std::span<std::uint8_t> to) {
  std::size_t done = 0;
  while (done < to.size() && !ended_) {
    if (stored_.empty() && !refill())
      fail("{}: the gzip file is truncated after {} bytes", path_.string(), stored_bytes_);
    const auto room = static_cast<uInt>(std::min<std::size_t>(to.size() - done, std::numeric_limits<uInt>::max()));
    stream_.next_in = const_cast<Bytef*>(stored_.data());  // zlib does not write to it
    stream_.avail_in = static_cast<uInt>(stored_.size());
    stream_.next_out = to.data() + done;
    stream_.avail_out = room;
    const int status = inflate(&stream_, Z_NO_FLUSH);
    stored_ = stored_.last(stream_.avail_in);
    done += room - stream_.avail_out;
    if (status == Z_STREAM_END) {
      ended_ = !begin_next_member();
    } else if (status != Z_OK && status != Z_BUF_ERROR) {
      fail("{}: the gzip file is damaged: {}", path_.string(), stream_.msg != nullptr ? stream_.msg : zError(status));
    }
  }
  return done;
}

/// A gzip file may consist of several members (RFC 1952, 2.2), as written by `cat a.gz b.gz`, pigz and bgzip. Returns
/// false at the end, which may be followed by zeros, as on tapes.
bool ByteInput::begin_next_member() {
  while (stored_.size() < std::size(kGzipMagic) && refill()) {
  }
  if (stored_.empty()) return false;
  if (stored_.size() >= std::size(kGzipMagic) &&
      std::equal(std::begin(kGzipMagic), std::end(kGzipMagic), stored_.begin())) {
    const int status = inflateReset(&stream_);
    SLUICE_CHECK(status == Z_OK, "inflateReset gave {}", status);
    return true;
  }
  do {
    if (std::ranges::any_of(stored_, [](std::uint8_t byte) { return byte != 0; }))
      fail("{}: its gzip data is followed by other bytes", path_.string());
    stored_ = {};
  } while (refill());
  return false;
}

std::vector<std::uint8_t> read_file(const std::filesystem::path& path) {
  return ByteInput(path).read_rest(kLargestWholeFile);
}

}  // namespace sluice
