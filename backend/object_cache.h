#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "backend/codegen/codegen.h"
#include "backend/target.h"
#include "sluice/ir/graph.h"

namespace sluice::backend {

/// Machine code on disk, so that a graph compiled before starts at once. A file holds the objects of one graph, named
/// by the hash of everything they depend on; its contents are checked by a hash of their own. Nothing here is an error:
/// unreadable entries are compiled again, unwritable ones are skipped. Processes may share a folder: files are written
/// by renaming. Because cached code gets executed, a folder or file that is not this user's, or that others may write
/// to, is not used; folders are created for the user alone.
class ObjectCache {
 public:
  /// All entries together take about `limit_bytes` at most; the least recently used are removed first.
  ObjectCache(std::filesystem::path folder, std::uintmax_t limit_bytes)
      : folder_(std::move(folder)), limit_bytes_(limit_bytes) {}

  /// Returns the folder given by the environment: $SLUICE_CACHE_DIR (off if it is empty), or else sluice/objects in
  /// $XDG_CACHE_HOME or ~/.cache.
  static std::optional<ObjectCache> from_environment();

  /// Returns the objects under `key`, or nothing if there is no intact entry.
  std::optional<std::vector<ObjectCode>> load(const std::string& key) const;
  void store(const std::string& key, const std::vector<ObjectCode>& objects) const;
  /// Removes all entries, and nothing else in the folder.
  void clear() const;

  const std::filesystem::path& folder() const { return folder_; }

 private:
  void shrink_to(std::uintmax_t bytes) const;

  std::filesystem::path folder_;
  std::uintmax_t limit_bytes_;
};

/// Returns the key of the output of `generate_kernels` for a graph after the passes: a hash of the graph, the target,
/// LLVM's version and the sources of the backend; with `debug_info` also of the lines that its nodes come from.
std::string object_key(const ir::Graph& fused, const Target& target, const PlanOptions& options = {},
                       bool debug_info = false);

}  // namespace sluice::backend
