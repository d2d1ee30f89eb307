#pragma once

#include <string>

#include "sluice/ir/graph.h"

namespace sluice::runtime {

/// The users' lines in `origins`, a file's together and in order: "model.cpp:12-14, 20". What is there only as the
/// gradient of a line comes after the others, behind "gradient of". Empty if nothing is known.
std::string lines_of(const ir::Origins& origins);

}  // namespace sluice::runtime
