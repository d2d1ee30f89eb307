#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "sluice/array.h"
#include "sluice/ir/graph.h"

namespace sluice::ir {

/// The arithmetic in which the interpreter computes a graph's float values.
enum class Precision : std::uint8_t {
  kAsWritten,  ///< f32 in float, f64 in double
  kDouble,     ///< every float value in double (inputs and results keep the graph's dtypes unless `wide_results`)
};

struct EvalResult {
  std::vector<Array> results;  ///< one for each result of the graph
  std::vector<Array> states;   ///< the new value of each state; the old one if the graph has no update
};

struct EvalOptions {
  Precision precision = Precision::kAsWritten;
  /// With kDouble: return float results and states as f64 arrays instead of rounding them to their dtype. Inputs may
  /// then be f64 too.
  bool wide_results = false;
};

/// Defines what a graph means: evaluates it node by node, slowly and simply. `inputs` and `states` are in the order of
/// parameters() and states(). B follows from the inputs (1 if no parameter has it). Throws Error if an input does not
/// fit its type or sizes for B disagree. A graph with a `gradient` node is an error: run `differentiate` first.
EvalResult evaluate(const Graph& graph, std::span<const Array> inputs, std::span<const Array> states,
                    const EvalOptions& options = {});

/// Returns the directional derivative: evaluates with dual numbers in double. `input_tangents` and `state_tangents`
/// have a tangent (f64, same sizes) for each float input; those of other dtypes are ignored. Returns the tangents of
/// the results and updated states as f64 arrays (zeros for integers). Shares no rule with `differentiate`.
EvalResult evaluate_tangent(const Graph& graph, std::span<const Array> inputs, std::span<const Array> states,
                            std::span<const Array> input_tangents, std::span<const Array> state_tangents);

/// Checks the inputs and returns the values that they bind to the symbols of `graph`; B is 1 if no parameter has it.
Bindings bindings_of(const Graph& graph, std::span<const Array> inputs);

}  // namespace sluice::ir
