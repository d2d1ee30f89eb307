#include "runtime/io/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <system_error>

#include "sluice/error.h"

namespace sluice {

namespace {

[[noreturn]] void fail_write(const std::filesystem::path& path) {
  fail("{}: cannot be written: {}", path.string(), std::generic_category().message(errno));
}

}  // namespace

AtomicFile::AtomicFile(std::filesystem::path target) : target_(std::move(target)), real_(target_) {
  std::error_code error;
  const auto status = std::filesystem::status(target_, error);
  if (std::filesystem::is_directory(status)) {
    errno = EISDIR;
    fail_write(target_);
  }
  in_place_ = std::filesystem::exists(status) && !std::filesystem::is_regular_file(status);
  if (in_place_) {
    descriptor_ = open(target_.c_str(), O_WRONLY | O_CLOEXEC);
  } else {
    const bool is_link = std::filesystem::is_symlink(std::filesystem::symlink_status(target_, error));
    const std::filesystem::path end = is_link ? std::filesystem::weakly_canonical(target_, error) : target_;
    if (!error) real_ = end;
    name_ = real_.string() + ".XXXXXX";
    descriptor_ = mkostemp(name_.data(), O_CLOEXEC);
  }
  if (descriptor_ < 0) fail_write(target_);
}

AtomicFile::~AtomicFile() {
  close(descriptor_);
  if (!committed_ && !in_place_) unlink(name_.c_str());
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
  if (in_place_) return;
  constexpr mode_t kReadableByAll = 0644;
  if (fchmod(descriptor_, kReadableByAll) != 0 || fsync(descriptor_) != 0) fail_write(target_);
  if (rename(name_.c_str(), real_.c_str()) != 0) fail_write(target_);
  committed_ = true;
  sync_folder(real_.parent_path());
}

void write_file(const std::filesystem::path& path, std::string_view text) {
  AtomicFile file(path);
  file.write(text);
  file.commit();
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
