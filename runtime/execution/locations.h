#pragma once

#include <string>

#include "sluice/ir/graph.h"

namespace sluice::runtime {

/// Returns the users' lines in `origins`, grouped by file and in order: "model.cpp:12-14, 20". Lines that contribute
/// only their gradient follow the others, after "gradient of". Empty if nothing is known.
std::string lines_of(const ir::Origins& origins);

}  // namespace sluice::runtime
