#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace sluice {

/// A new folder next to `target` that takes its place on commit(), once all of it is on disk, and is removed without
/// it. Readers of `target` thus find either the old folder or the new one, complete. A killed process may leave the
/// other one behind as "target.XXXXXX".
class AtomicFolder {
 public:
  /// `files` are the names of everything such a folder may contain. Creates the folders above `target`. Throws Error if
  /// that fails, or if `target` exists and contains anything else: other people's files are not replaced.
  AtomicFolder(const std::filesystem::path& target, std::vector<std::string> files);
  ~AtomicFolder();
  AtomicFolder(const AtomicFolder&) = delete;
  AtomicFolder& operator=(const AtomicFolder&) = delete;

  /// Returns where to write the files.
  const std::filesystem::path& path() const { return path_; }

  /// Throws Error if the folder cannot be flushed to disk or take its place; `target` is then unchanged. Replacing a
  /// folder that contains files requires a file system that can exchange two names (NFS cannot).
  void commit();

 private:
  std::filesystem::path target_;
  std::vector<std::string> files_;
  std::filesystem::path path_;
};

}  // namespace sluice
