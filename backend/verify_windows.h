#pragma once

#include <string>
#include <vector>

#include "backend/window_tiles.h"

namespace sluice::backend {

/// Returns what is wrong with the positions at which a kernel tests no bounds, or "": at one of them, a window of
/// `body` would not lie within its image.
std::string wrong_inner_ranges(const ir::Graph& body, const std::vector<InnerRange>& ranges);

}  // namespace sluice::backend
