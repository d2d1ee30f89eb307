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

/// Machine code on disk, so that a graph that was compiled once starts at once. A file holds the objects of one graph
/// under a name that is the hash of everything that they follow from; its contents are checked by a hash of their own.
/// Nothing here is ever an error: what cannot be read is compiled again, what cannot be written is left. Processes may
/// share a folder: files appear whole, by renaming. Since what is found is run, a folder or a file that is not this
/// user's, or that others may write to, is not used; folders are made for the user alone.
class ObjectCache {
 public:
  /// Files of all entries together take at most about `limit_bytes`; the least recently used go first.
  ObjectCache(std::filesystem::path folder, std::uintmax_t limit_bytes)
      : folder_(std::move(folder)), limit_bytes_(limit_bytes) {}

  /// The folder that the environment asks for: $SLUICE_CACHE_DIR (off if it is empty), else sluice/objects in
  /// $XDG_CACHE_HOME or ~/.cache.
  static std::optional<ObjectCache> from_environment();

  /// The objects under `key`, or nothing if there are none that are whole.
  std::optional<std::vector<ObjectCode>> load(const std::string& key) const;
  void store(const std::string& key, const std::vector<ObjectCode>& objects) const;
  /// Removes all entries, and nothing else that the folder may hold.
  void clear() const;

  const std::filesystem::path& folder() const { return folder_; }

 private:
  void shrink_to(std::uintmax_t bytes) const;

  std::filesystem::path folder_;
  std::uintmax_t limit_bytes_;
};

/// The name of what `generate_kernels` makes of a graph after the passes: a hash of the graph, the target, LLVM's
/// version and the sources of the backend.
std::string object_key(const ir::Graph& fused, const Target& target, const PlanOptions& options = {});

}  // namespace sluice::backend
