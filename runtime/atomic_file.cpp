#include "runtime/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "ir/error.h"

namespace sluice {

namespace {

[[noreturn]] void fail_write(const std::filesystem::path& path) {
  fail("{}: cannot be written: {}", path.string(), std::generic_category().message(errno));
}

}  // namespace

AtomicFile::AtomicFile(std::filesystem::path target) : target_(std::move(target)), name_(target_.string() + ".XXXXXX") {
  if (std::filesystem::is_directory(target_)) {
    errno = EISDIR;
    fail_write(target_);
  }
  descriptor_ = mkostemp(name_.data(), O_CLOEXEC);
  if (descriptor_ < 0) fail_write(target_);
}

AtomicFile::~AtomicFile() {
  close(descriptor_);
  if (!committed_) unlink(name_.c_str());
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor_, bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) fail_write(target_);
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
}

void AtomicFile::commit() {
  constexpr mode_t kReadableByAll = 0644;
  if (fchmod(descriptor_, kReadableByAll) != 0 || fsync(descriptor_) != 0) fail_write(target_);
  if (rename(name_.c_str(), target_.c_str()) != 0) fail_write(target_);
  committed_ = true;
  sync_folder(target_.parent_path());
}

void sync_folder(const std::filesystem::path& folder) {
  const int descriptor = open(folder.empty() ? "." : folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor < 0) fail_write(folder);
  const bool synced = fsync(descriptor) == 0 || errno == EINVAL;  // some file systems do not sync folders
  const int error = errno;
  close(descriptor);
  errno = error;
  if (!synced) fail_write(folder);
}

}  // namespace sluice
