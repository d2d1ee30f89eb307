#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "sluice/array.h"
#include "sluice/ir/graph.h"

namespace sluice {

/// Random elements with low <= x < high: uniform floats, whole numbers, or bools that are true half the time. Without a
/// range: floats in [-1,1), integers in [0,10). The same for the same arguments on every machine.
Array random_array(const Type& type, const Bindings& bindings, std::uint64_t seed, std::optional<ir::Range> range = {});

/// Where made up states begin.
enum class StatesAt : std::uint8_t {
  kRange,  ///< at random values within their ranges
  kInit,   ///< as before the first call: those with an init at that, floats with neither hint in [-0.1,0.1), as weights
  kSpecial,  ///< as kRange, but without a range about one element in 16 is special; so are parameters
};

std::string_view to_string(StatesAt at);  ///< "range", "init", "special"

/// Puts special values in the place of about one element in 16: zeros of both signs, infinities, NaN, large
/// and small numbers; the ends of the integers.
void add_special_values(Array& array, std::uint64_t seed);

/// An array for each parameter of `graph`, within its range if it has one.
std::vector<Array> random_parameters(const ir::Graph& graph, const Bindings& bindings, std::uint64_t seed,
                                     StatesAt at = StatesAt::kRange);

/// An array for each state of `graph`, within its range if it has one.
std::vector<Array> random_states(const ir::Graph& graph, std::uint64_t seed, StatesAt at = StatesAt::kRange);

}  // namespace sluice
