#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace sluice {

/// A new file next to `target` that gets its name on commit(), once all of it is on disk, and is removed without it.
/// Readers of `target` thus find either the old file or the new one, complete, even after a crash, a full disk or a
/// killed process (which may leave the new one behind as "target.XXXXXX"). If `target` is a device or a pipe, such as
/// /dev/stdout, it is written directly; a link is kept, and what it points to is replaced.
class AtomicFile {
 public:
  /// Throws Error if no file can be created in the folder of `target`, or if `target` is a folder.
  explicit AtomicFile(std::filesystem::path target);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  /// Appends. Throws Error if that fails; `target` is unchanged.
  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }

  /// Throws Error if the file cannot be flushed to disk or renamed.
  void commit();

 private:
  std::filesystem::path target_;
  std::filesystem::path real_;  ///< `target`, or what it links to
  std::string name_;
  int descriptor_ = -1;
  bool in_place_;  ///< descriptor_ refers to `target` itself
  bool committed_ = false;
};

/// Writes a whole file: an AtomicFile of `text`. Throws Error, naming the file and the reason; the old contents then
/// stay.
void write_file(const std::filesystem::path& path, std::string_view text);

/// Flushes a folder's entries to disk after a file in it was created or renamed. Throws Error.
void sync_folder(const std::filesystem::path& folder);

}  // namespace sluice
