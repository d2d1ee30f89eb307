#pragma once

#include <cstdint>
#include <span>

#include "sluice/array.h"
#include "sluice/error.h"
#include "sluice/ir/graph.h"

namespace sluice::runtime {

/// Returns whether no element is a NaN or an infinity; integers and bools never are.
bool all_finite(const Array& array);

/// A step that produced a non-finite value, in the order of the graph's parameters, states and results.
struct BadStep {
  std::span<const Array> inputs;
  std::span<const Array> states;  ///< before it
  std::span<const Array> results;
  std::span<const Array> new_states;
};

/// The treatment of denormal numbers by an engine.
enum class Denormals : std::uint8_t { kKept, kZero };

/// Returns the Error for a step with a non-finite result or new state. Reruns the step in the interpreter, node by
/// node, and goes back from there to the first op that produced a NaN or an infinity from finite operands: the Error
/// points to that op's line and states the index and the operands. A constant in the program counts as finite, because
/// it is intended; the op that uses an infinite one is named.
Error non_finite_error(const ir::Graph& traced, const BadStep& step, Denormals denormals);

}  // namespace sluice::runtime
