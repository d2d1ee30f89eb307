#pragma once

#include <filesystem>

#include "tools/check/engine_check.h"

namespace sluice::tools {

/// How to handle a failure besides printing it.
struct OnFailure {
  std::filesystem::path bundle;  ///< the folder to write it to
  bool reduce = false;           ///< whether to look for a small graph with the same failure
};

/// Prints `difference`, which check_graph found in `graph` with `options`, and writes its bundle. Also prints a reduced
/// graph, which is in the bundle as reduced.ir. Throws Error if the bundle cannot be written.
void report_failure(const ir::Graph& graph, const passes::Difference& difference, const FullCheckOptions& options,
                    const OnFailure& on_failure);

}  // namespace sluice::tools
