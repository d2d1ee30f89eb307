#include "runtime/io/atomic_folder.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <system_error>

#include "runtime/io/atomic_file.h"
#include "sluice/error.h"

namespace sluice {

namespace {

[[noreturn]] void fail_write(const std::filesystem::path& path, const std::error_code& error) {
  fail("{}: cannot be written: {}", path.string(), error.message());
}

std::error_code last_error() { return {errno, std::generic_category()}; }

}  // namespace

AtomicFolder::AtomicFolder(const std::filesystem::path& target, std::vector<std::string> files)
    : files_(std::move(files)) {
  std::error_code error;
  target_ = std::filesystem::absolute(target, error);  // a bare name is in a folder too, the current one
  if (error) fail_write(target, error);
  target_ = std::filesystem::weakly_canonical(target_, error);  // a link is kept; what it points to is replaced
  if (error) fail_write(target, error);
  if (!target_.has_filename()) target_ = target_.parent_path();  // "folder/"
  std::filesystem::create_directories(target_.parent_path(), error);
  if (error) fail_write(target_, error);
  if (std::filesystem::exists(target_)) {
    if (!std::filesystem::is_directory(target_)) fail("{}: expected a folder, got a file", target_.string());
    for (const auto& entry : std::filesystem::directory_iterator(target_, error)) {
      const std::string name = entry.path().filename().string();
      if (entry.is_regular_file() && std::ranges::find(files_, name) != files_.end()) continue;
      fail("{}: the folder holds '{}', so it is not replaced; name another", target_.string(), name);
    }
    if (error) fail_write(target_, error);
  }
  std::string name = target_.string() + ".XXXXXX";
  constexpr mode_t kReadableByAll = 0755;
  if (mkdtemp(name.data()) == nullptr) fail_write(target_, last_error());
  path_ = name;
  if (chmod(name.c_str(), kReadableByAll) != 0) fail_write(target_, last_error());
}

AtomicFolder::~AtomicFolder() {
  if (path_.empty()) return;
  for (const std::string& file : files_) unlink((path_ / file).c_str());
  rmdir(path_.c_str());
}

void AtomicFolder::commit() {
  sync_folder(path_);
  if (rename(path_.c_str(), target_.c_str()) == 0) {
    path_.clear();
  } else if (errno != ENOTEMPTY && errno != EEXIST) {
    fail_write(target_, last_error());
  } else if (renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, target_.c_str(), RENAME_EXCHANGE) != 0) {
    fail("{}: cannot be replaced: {}; remove it, or name another folder", target_.string(), last_error().message());
  }
  sync_folder(target_.parent_path());  // path_, if it is not empty, is now the old folder
}

}  // namespace sluice
