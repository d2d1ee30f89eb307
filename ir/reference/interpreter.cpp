#include "ir/reference/interpreter.h"

#include <algorithm>
#include <optional>

#include "ir/counted.h"
#include "ir/reference/rules.h"
#include "sluice/error.h"

namespace sluice::ir {

namespace {

using reference::Arithmetic;
using reference::Evaluation;
using reference::Tensor;
using reference::Tensors;

/// Which arrays fit an input.
enum class Fit : std::uint8_t {
  kExact,         ///< the declared dtype
  kWiderAllowed,  ///< also f64 where f32 is declared
};

bool dtype_fits(DType declared, DType given, Fit fit) {
  return declared == given || (fit == Fit::kWiderAllowed && is_float(declared) && given == DType::kF64);
}

/// Returns the B for which an axis of `dim` has `size` positions, if there is one.
std::optional<std::int64_t> solve_batch(Dim dim, std::int64_t size) {
  if (!dim.batch || size % dim.size != 0) return std::nullopt;
  return size / dim.size;
}

/// Throws unless `given` fits `declared` for some B; returns that B if `declared` has it.
std::optional<std::int64_t> match(const Graph& graph, std::string_view kind, std::string_view name,
                                  const Type& declared, const Array& given, Fit fit) {
  bool fits = dtype_fits(declared.dtype, given.dtype(), fit) && declared.shape.rank() == given.rank();
  std::optional<std::int64_t> batch_size;
  for (int axis = 0; fits && axis < given.rank(); ++axis) {
    const Dim dim = declared.shape[axis];
    const std::int64_t size = given.sizes()[static_cast<std::size_t>(axis)];
    if (dim.batch) batch_size = solve_batch(dim, size);
    fits = dim.batch ? batch_size.has_value() : dim.size == size;
  }
  if (!fits) {
    fail("@{}: {} %{} has type {}, got {}", graph.name(), kind, name, to_string(declared), to_string(given.type()));
  }
  if (batch_size && *batch_size < 1) {
    fail("@{}: {} %{} has type {}, got {}: B is at least 1", graph.name(), kind, name, to_string(declared),
         to_string(given.type()));
  }
  return batch_size;
}

std::int64_t match_inputs(const Graph& graph, std::span<const Array> inputs, Fit fit) {
  const auto parameters = graph.parameters();
  if (inputs.size() != parameters.size()) {
    fail("@{}: expected {}, got {}", graph.name(), counted(parameters.size(), "input"), inputs.size());
  }
  std::optional<std::int64_t> batch_size;
  std::size_t decided_by = 0;
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    const Type& type = graph.type(parameters[i].value);
    const auto found = match(graph, "input", parameters[i].name, type, inputs[i], fit);
    if (!found) continue;
    if (batch_size && *batch_size != *found) {
      const Parameter& other = parameters[decided_by];
      fail("@{}: inputs disagree on B: %{} of type {} has B = {}, %{} of type {} has B = {}", graph.name(), other.name,
           to_string(graph.type(other.value)), *batch_size, parameters[i].name, to_string(type), *found);
    }
    if (!batch_size) decided_by = i;
    batch_size = found;
  }
  return batch_size.value_or(1);
}

void match_states(const Graph& graph, std::span<const Array> states, Fit fit) {
  if (states.size() != graph.states().size()) {
    fail("@{}: expected {}, got {}", graph.name(), counted(graph.states().size(), "state"), states.size());
  }
  for (std::size_t i = 0; i < states.size(); ++i) {
    const State& state = graph.states()[i];
    match(graph, "state", state.name, graph.type(state.value), states[i], fit);
  }
}

Tensors to_tensors(std::span<const Array> arrays, Arithmetic arithmetic) {
  Tensors tensors;
  for (const Array& array : arrays) tensors.push_back(Tensor::from(array, arithmetic));
  return tensors;
}

/// Returns the arrays with their tangents; integers and bools have none.
Tensors to_duals(std::span<const Array> arrays, std::span<const Array> tangents, std::string_view kind) {
  if (tangents.size() != arrays.size()) {
    fail("evaluate_tangent: expected one tangent for each of the {} ({}), got {}", kind, arrays.size(),
         tangents.size());
  }
  Tensors tensors;
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    tensors.push_back(Tensor::from(arrays[i], Arithmetic::kDual));
    if (!is_float(arrays[i].dtype())) continue;
    const Type expected{DType::kF64, Shape::of(arrays[i].sizes())};
    if (tangents[i].type() != expected) {
      fail("evaluate_tangent: expected a tangent of type {}, got {}", to_string(expected),
           to_string(tangents[i].type()));
    }
    tensors.back() = tensors.back().with_tangents(tangents[i]);
  }
  return tensors;
}

DType result_dtype(DType declared, const EvalOptions& options) {
  const bool wide = options.precision == Precision::kDouble && options.wide_results && is_float(declared);
  return wide ? DType::kF64 : declared;
}

}  // namespace

EvalResult evaluate(const Graph& graph, std::span<const Array> inputs, std::span<const Array> states,
                    const EvalOptions& options) {
  const bool in_double = options.precision == Precision::kDouble;
  const Fit fit = in_double && options.wide_results ? Fit::kWiderAllowed : Fit::kExact;
  const Arithmetic arithmetic = in_double ? Arithmetic::kDouble : Arithmetic::kAsWritten;
  const std::int64_t batch_size = match_inputs(graph, inputs, fit);
  match_states(graph, states, fit);
  const Evaluation evaluation = reference::evaluate_graph(graph, to_tensors(inputs, arithmetic),
                                                          to_tensors(states, arithmetic), batch_size, arithmetic);
  EvalResult result;
  for (std::size_t i = 0; i < graph.results().size(); ++i) {
    const DType dtype = result_dtype(graph.type(graph.results()[i]).dtype, options);
    result.results.push_back(evaluation.results[i].to_array(dtype));
  }
  for (std::size_t i = 0; i < graph.states().size(); ++i) {
    const DType dtype = result_dtype(graph.type(graph.states()[i].value).dtype, options);
    result.states.push_back(evaluation.states[i].to_array(dtype));
  }
  return result;
}

EvalResult evaluate_tangent(const Graph& graph, std::span<const Array> inputs, std::span<const Array> states,
                            std::span<const Array> input_tangents, std::span<const Array> state_tangents) {
  const std::int64_t batch_size = match_inputs(graph, inputs, Fit::kWiderAllowed);
  match_states(graph, states, Fit::kWiderAllowed);
  const Evaluation evaluation =
      reference::evaluate_graph(graph, to_duals(inputs, input_tangents, "inputs"),
                                to_duals(states, state_tangents, "states"), batch_size, Arithmetic::kDual);
  EvalResult result;
  for (const Tensor& tensor : evaluation.results) result.results.push_back(tensor.tangents());
  for (const Tensor& tensor : evaluation.states) result.states.push_back(tensor.tangents());
  return result;
}

std::int64_t batch_size_of(const Graph& graph, std::span<const Array> inputs) {
  return match_inputs(graph, inputs, Fit::kExact);
}

}  // namespace sluice::ir
