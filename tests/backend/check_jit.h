#pragma once

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "ir/reference/interpreter.h"
#include "sluice/ir/graph.h"
#include "sluice/runtime/executable.h"
#include "tests/support/random_arrays.h"

namespace sluice::test {

/// Returns the largest difference between elements of two arrays of one type, relative to the largest of `expected` (at
/// least 1); NaN equals NaN. Integers and bools must be equal: any difference counts as infinite.
inline double distance(const Array& actual, const Array& expected) {
  if (actual.type() != expected.type()) return INFINITY;
  return visit_dtype(expected.dtype(), [&](auto zero) {
    using T = decltype(zero);
    const auto x = actual.data<T>();
    const auto y = expected.data<T>();
    if constexpr (!std::is_floating_point_v<T>) return std::ranges::equal(x, y) ? 0.0 : INFINITY;
    double largest = 1;
    double apart = 0;
    for (std::size_t i = 0; i < y.size(); ++i) {
      const double a = static_cast<double>(x[i]);
      const double b = static_cast<double>(y[i]);
      if (std::isfinite(b)) largest = std::max(largest, std::abs(b));
      if (a == b || (std::isnan(a) && std::isnan(b))) continue;
      if (!std::isfinite(a) || !std::isfinite(b)) return static_cast<double>(INFINITY);
      apart = std::max(apart, std::abs(a - b));
    }
    return apart / largest;
  });
}

/// Compiles `graph` and runs it twice for each B, on random inputs and from random states, and compares all
/// results and states with the interpreter's.
inline void check_jit(const ir::Graph& graph, std::vector<std::int64_t> batches = {1, 3, 64, 128},
                      double tolerance = 2e-6, const runtime::ExecutableOptions& options = {}) {
  for (const std::int64_t batch_size : batches) {
    CAPTURE(batch_size);
    std::vector<Array> states = random_states(graph, 7);
    const runtime::Variables variables = runtime::variables_for(graph, states);
    const auto executable = runtime::Executable::create(graph, variables, options);
    std::vector<Array> outputs(graph.results().size());
    for (int step = 0; step < 2; ++step) {
      const std::vector<Array> inputs =
          random_parameters(graph, batch_size, static_cast<std::uint64_t>(step) * 1000 + 1);
      const ir::EvalResult expected = ir::evaluate(graph, inputs, states);
      executable->run(inputs, outputs);
      for (std::size_t i = 0; i < outputs.size(); ++i) {
        CAPTURE(i);
        CHECK(distance(outputs[i], expected.results[i]) <= tolerance);
      }
      for (std::size_t i = 0; i < states.size(); ++i) {
        CAPTURE(graph.states()[i].name);
        CHECK(distance(variables[i]->value(), expected.states[i]) <= tolerance);
      }
      states = expected.states;
    }
  }
}

}  // namespace sluice::test
