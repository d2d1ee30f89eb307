#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "sluice/error.h"
#include "sluice/ir/graph.h"

namespace sluice::ir {

/// Returns an Error about a node with these origins. The innermost frame of a node parsed from text is its position
/// there, the only one with a column: the error points to it and then names the model line that created the node.
/// Otherwise it points to the user's line.
Error node_error(const Origins& origins, const std::string& message);

/// Returns "operand 1, f32[B], was made at model.cpp:12" on a separate line, for errors about a node's operands; empty
/// if it is unknown.
std::string operand_note(std::size_t index, const Node& maker, std::uint32_t result);

}  // namespace sluice::ir
