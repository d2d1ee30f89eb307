#pragma once

#include <span>
#include <vector>

#include "ir/reference/interpreter.h"

namespace sluice::test {

/// Returns x + step * tangent in f64 for floats; the others unchanged.
inline std::vector<Array> moved(std::span<const Array> arrays, std::span<const Array> tangents, double step) {
  std::vector<Array> result;
  for (std::size_t i = 0; i < arrays.size(); ++i) {
    if (!is_float(arrays[i].dtype())) {
      result.push_back(arrays[i]);
      continue;
    }
    result.emplace_back(DType::kF64, arrays[i].sizes());
    const auto to = result.back().data<double>();
    const auto direction = tangents[i].data<double>();
    visit_dtype(arrays[i].dtype(), [&](auto zero) {
      const auto from = arrays[i].data<decltype(zero)>();
      for (std::size_t j = 0; j < to.size(); ++j) to[j] = static_cast<double>(from[j]) + step * direction[j];
    });
  }
  return result;
}

/// Returns (above - below) / width, in f64; zeros for integers and bools.
inline std::vector<Array> slopes(std::span<const Array> above, std::span<const Array> below, double width) {
  std::vector<Array> result;
  for (std::size_t i = 0; i < above.size(); ++i) {
    result.emplace_back(DType::kF64, above[i].sizes());
    if (!is_float(above[i].dtype())) continue;
    const auto to = result.back().data<double>();
    const auto x = above[i].data<double>();
    const auto y = below[i].data<double>();
    for (std::size_t j = 0; j < to.size(); ++j) to[j] = (x[j] - y[j]) / width;
  }
  return result;
}

/// Returns what evaluate_tangent() should, from two evaluations in double; its error is of the order of step^2, plus
/// 1e-16 / step from rounding. Meaningless at a kink.
inline ir::EvalResult central_difference(const ir::Graph& graph, std::span<const Array> inputs,
                                         std::span<const Array> states, std::span<const Array> input_tangents,
                                         std::span<const Array> state_tangents, double step = 1e-5) {
  const ir::EvalOptions options{ir::Precision::kDouble, true};
  const ir::EvalResult above =
      evaluate(graph, moved(inputs, input_tangents, step), moved(states, state_tangents, step), options);
  const ir::EvalResult below =
      evaluate(graph, moved(inputs, input_tangents, -step), moved(states, state_tangents, -step), options);
  return {slopes(above.results, below.results, 2 * step), slopes(above.states, below.states, 2 * step)};
}

}  // namespace sluice::test
