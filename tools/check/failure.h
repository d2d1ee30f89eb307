#pragma once

#include <filesystem>

#include "tools/check/engine_check.h"

namespace sluice::tools {

/// What to do of a failure beside printing it.
struct OnFailure {
  std::filesystem::path bundle;  ///< the folder to write it to
  bool reduce = false;           ///< whether to look for a small graph that fails alike
};

/// Prints `difference`, which check_graph has found in `graph` with `options`, and writes its bundle. A small graph is
/// printed, too, and stands in the bundle as reduced.ir. Throws Error if the bundle cannot be written.
void report_failure(const ir::Graph& graph, const passes::Difference& difference, const FullCheckOptions& options,
                    const OnFailure& on_failure);

}  // namespace sluice::tools
