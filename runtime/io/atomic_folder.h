#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace sluice {

/// A new folder beside `target` that takes its place on commit(), when all of it is on the disk, and vanishes without
/// it. So whoever opens `target` finds the old folder or the new one, both whole. A process that is killed may leave
/// the other one behind as "target.XXXXXX".
class AtomicFolder {
 public:
  /// `files` are the names of all that such a folder holds. The folders above `target` are made. Throws Error if that
  /// fails, or if `target` is there and holds anything else: what is not ours is not replaced.
  AtomicFolder(const std::filesystem::path& target, std::vector<std::string> files);
  ~AtomicFolder();
  AtomicFolder(const AtomicFolder&) = delete;
  AtomicFolder& operator=(const AtomicFolder&) = delete;

  /// Where to write the files.
  const std::filesystem::path& path() const { return path_; }

  /// Throws Error if the folder cannot be brought to the disk or take its place; `target` is as it was. To replace a
  /// folder that holds files, the file system must be able to exchange two names (NFS is not).
  void commit();

 private:
  std::filesystem::path target_;
  std::vector<std::string> files_;
  std::filesystem::path path_;
};

}  // namespace sluice
