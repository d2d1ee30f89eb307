#include "ir/reference/interpreter.h"

#include <algorithm>

#include "ir/counted.h"
#include "ir/reference/rules.h"
#include "ir/solve_sizes.h"
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

/// Returns the values of the symbols; throws unless the arrays fit.
Bindings match(const Graph& graph, std::string_view kind, std::span<const Value> values,
               std::span<const std::string> names, std::span<const Array> given, Fit fit) {
  if (given.size() != values.size())
    fail("@{}: expected {}, got {}", graph.name(), counted(values.size(), kind), given.size());
  const auto argument = [&](std::size_t i) {
    const Type& declared = graph.type(values[i]);
    SizedArgument sized(declared, given[i]);
    if (dtype_fits(declared.dtype, given[i].dtype(), fit)) sized.dtype = declared.dtype;
    return sized;
  };
  const auto name_of = [&](std::size_t i) { return fmt::format("{} %{}", kind, names[i]); };
  Bindings bindings;
  if (const auto wrong = solve_sizes(values.size(), argument, bindings, name_of))
    fail("@{}: {} {}", graph.name(), name_of(wrong->argument), wrong->what);
  return bindings;
}

Bindings match_inputs(const Graph& graph, std::span<const Array> inputs, Fit fit) {
  std::vector<Value> values;
  std::vector<std::string> names;
  for (const Parameter& parameter : graph.parameters()) {
    values.push_back(parameter.value);
    names.push_back(parameter.name);
  }
  const Bindings bindings = match(graph, "input", values, names, inputs, fit);
  check_limits(graph.name(), size_limits(graph), bindings);
  return bindings;
}

void match_states(const Graph& graph, std::span<const Array> states, Fit fit) {
  std::vector<Value> values;
  std::vector<std::string> names;
  for (const State& state : graph.states()) {
    values.push_back(state.value);
    names.push_back(state.name);
  }
  match(graph, "state", values, names, states, fit);
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
  const Bindings bindings = match_inputs(graph, inputs, fit);
  match_states(graph, states, fit);
  const Evaluation evaluation = reference::evaluate_graph(graph, to_tensors(inputs, arithmetic),
                                                          to_tensors(states, arithmetic), bindings, arithmetic);
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
  const Bindings bindings = match_inputs(graph, inputs, Fit::kWiderAllowed);
  match_states(graph, states, Fit::kWiderAllowed);
  const Evaluation evaluation =
      reference::evaluate_graph(graph, to_duals(inputs, input_tangents, "inputs"),
                                to_duals(states, state_tangents, "states"), bindings, Arithmetic::kDual);
  EvalResult result;
  for (const Tensor& tensor : evaluation.results) result.results.push_back(tensor.tangents());
  for (const Tensor& tensor : evaluation.states) result.states.push_back(tensor.tangents());
  return result;
}

Bindings bindings_of(const Graph& graph, std::span<const Array> inputs) {
  return match_inputs(graph, inputs, Fit::kExact);
}

}  // namespace sluice::ir
