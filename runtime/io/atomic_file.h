#pragma once

#include <cstddef>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace sluice {

/// A new file beside `target` that takes its name on commit(), when all of it is on the disk, and vanishes without it.
/// So whoever opens `target` finds the old file or the new one, both whole, also after a crash, a full disk or a killed
/// process (which may leave the new one behind as "target.XXXXXX"). Where `target` is a device or a pipe, as
/// /dev/stdout is, it is written to as it is; a link stays, and what it points to is replaced.
class AtomicFile {
 public:
  /// Throws Error if no file can be made in the folder of `target`, or if it is a folder itself.
  explicit AtomicFile(std::filesystem::path target);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  /// Appends. Throws Error if that fails; `target` is as it was.
  void write(std::span<const std::byte> bytes);
  void write(std::string_view text) { write(std::as_bytes(std::span(text))); }

  /// Throws Error if the file cannot be brought to the disk or take its name.
  void commit();

 private:
  std::filesystem::path target_;
  std::filesystem::path real_;  ///< `target`, or what it is a link to
  std::string name_;
  int descriptor_ = -1;
  bool in_place_;  ///< descriptor_ is of `target` itself
  bool committed_ = false;
};

/// Writes a whole file: an AtomicFile of `text`. Throws Error, which names the file and the reason; what was there
/// stays.
void write_file(const std::filesystem::path& path, std::string_view text);

/// Brings to the disk which names a folder has, after a file in it was made or renamed. Throws Error.
void sync_folder(const std::filesystem::path& folder);

}  // namespace sluice
