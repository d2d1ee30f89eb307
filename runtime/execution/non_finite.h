#pragma once

#include <cstdint>
#include <span>

#include "sluice/array.h"
#include "sluice/error.h"
#include "sluice/ir/graph.h"

namespace sluice::runtime {

/// Whether no element is a NaN or an infinity; integers and bools never are.
bool all_finite(const Array& array);

/// A step that went wrong, in the order of the graph's parameters, states and results.
struct BadStep {
  std::span<const Array> inputs;
  std::span<const Array> states;  ///< before it
  std::span<const Array> results;
  std::span<const Array> new_states;
};

/// What an engine makes of numbers too small for a full mantissa.
enum class Denormals : std::uint8_t { kKept, kZero };

/// The Error for a step of which a result or new state is not finite. It runs the step again in the interpreter, node
/// by node, and goes back from there to the first op that made a NaN or an infinity of finite operands: the Error
/// stands at that op's line and tells its index and its operands. What the program wrote as a constant counts as
/// finite, since it is meant; an op that makes something of an infinite one is named.
Error non_finite_error(const ir::Graph& traced, const BadStep& step, Denormals denormals);

}  // namespace sluice::runtime
