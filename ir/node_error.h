#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "sluice/error.h"
#include "sluice/ir/graph.h"

namespace sluice::ir {

/// An Error about a node with these origins. A node that was read from text has its place there, which alone has a
/// column, as the innermost frame of its stacks: the error stands there and then says which line of the model made the
/// node. Else it stands at the user's line.
Error node_error(const Origins& origins, const std::string& message);

/// "operand 1, f32[B], was made at model.cpp:12" on a line of its own, for errors about a node's operands; empty where
/// it is not known.
std::string operand_note(std::size_t index, const Node& maker, std::uint32_t result);

}  // namespace sluice::ir
