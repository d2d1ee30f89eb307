#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "sluice/array.h"
#include "sluice/ir/graph.h"

namespace sluice {

/// Returns random elements with low <= x < high: uniform floats, integers, or bools that are true half the time.
/// Without a range: floats in [-1,1), integers in [0,10). Deterministic for given arguments, on every machine.
Array random_array(const Type& type, const Bindings& bindings, std::uint64_t seed, std::optional<ir::Range> range = {});

/// How initial states are generated.
enum class StatesAt : std::uint8_t {
  kRange,    ///< at random values within their ranges
  kInit,     ///< as before the first call: those with an init at that, floats with neither hint in [-0.1,0.1), like
             ///< weights
  kSpecial,  ///< as kRange, but without a range about one element in 16 is special; so are parameters
};

std::string_view to_string(StatesAt at);  ///< "range", "init", "special"

/// Replaces about one element in 16 by special values: zeros of both signs, infinities, NaN, large and small numbers;
/// the extreme integers.
void add_special_values(Array& array, std::uint64_t seed);

/// Returns an array for each parameter of `graph`, within its range if it has one.
std::vector<Array> random_parameters(const ir::Graph& graph, const Bindings& bindings, std::uint64_t seed,
                                     StatesAt at = StatesAt::kRange);

/// Returns an array for each state of `graph`, within its range if it has one.
std::vector<Array> random_states(const ir::Graph& graph, std::uint64_t seed, StatesAt at = StatesAt::kRange);

}  // namespace sluice
