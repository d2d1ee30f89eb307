#include "ir/random_arrays.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <random>
#include <type_traits>

namespace sluice {

namespace {

void fill(Array& array, const Array& scalar) {
  visit_dtype(array.dtype(), [&]<typename T>(T) { std::ranges::fill(array.data<T>(), scalar.data<T>()[0]); });
}

}  // namespace

Array random_array(const Type& type, const Bindings& bindings, std::uint64_t seed, std::optional<ir::Range> range) {
  Array array(type.dtype, type.shape.at(bindings));
  std::mt19937_64 engine(seed);
  visit_dtype(type.dtype, [&](auto zero) {
    using T = decltype(zero);
    const double low = range ? range->low : is_float(type.dtype) ? -1.0 : 0.0;
    const double high = range ? range->high : is_float(type.dtype) ? 1.0 : 10.0;
    for (T& element : array.data<T>()) {
      const double unit = static_cast<double>(engine() >> 11) * 0x1p-53;  // in [0,1)
      if constexpr (std::is_same_v<T, bool>) {
        element = unit < 0.5;
      } else if constexpr (std::is_integral_v<T>) {
        const double value = std::floor(low + (high - low) * unit);
        element = static_cast<T>(value < high ? value : std::ceil(low));  // as below
      } else {
        const T value = static_cast<T>(low + (high - low) * unit);
        element = value < static_cast<T>(high) ? value : static_cast<T>(low);  // rounding may have reached `high`
      }
    }
  });
  return array;
}

std::string_view to_string(StatesAt at) {
  constexpr std::array<std::string_view, 3> kNames{"range", "init", "special"};
  return kNames[static_cast<std::size_t>(at)];
}

void add_special_values(Array& array, std::uint64_t seed) {
  std::mt19937_64 engine(seed);
  visit_dtype(array.dtype(), [&]<typename T>(T) {
    using Limits = std::numeric_limits<T>;
    std::vector<T> special{T(0), Limits::max(), Limits::lowest()};
    if constexpr (std::is_floating_point_v<T>) {
      // Neither the largest nor the smallest. Whether products and partial sums of the largest overflow, to an infinity
      // that another one turns into NaN, depends on the order and the precision of evaluation, both of which are
      // unspecified; and compiled code flushes what is below the smallest, which times infinity is NaN.
      constexpr T kLarge = std::is_same_v<T, double> ? T(0x1p300) : T(0x1p40);
      special = {T(0), kLarge, -kLarge, 1 / kLarge};
      for (const T value : {-T(0), Limits::infinity(), -Limits::infinity(), Limits::quiet_NaN()})
        special.push_back(value);
    }
    for (T& element : array.data<T>()) {
      const std::uint64_t draw = engine();
      if (draw % 16 == 0) element = special[draw / 16 % special.size()];
    }
  });
}

std::vector<Array> random_parameters(const ir::Graph& graph, const Bindings& bindings, std::uint64_t seed,
                                     StatesAt at) {
  std::vector<Array> arrays;
  for (const ir::Parameter& parameter : graph.parameters()) {
    arrays.push_back(random_array(graph.type(parameter.value), bindings, ++seed, parameter.range));
    if (at == StatesAt::kSpecial && !parameter.range) add_special_values(arrays.back(), seed);
  }
  return arrays;
}

std::vector<Array> random_states(const ir::Graph& graph, std::uint64_t seed, StatesAt at) {
  std::vector<Array> arrays;
  for (const ir::State& state : graph.states()) {
    const Type& type = graph.type(state.value);
    std::optional<ir::Range> range = state.range;
    if (at == StatesAt::kInit && !range && is_float(type.dtype)) range = ir::Range{-0.1, 0.1};
    arrays.push_back(random_array(type, 1, ++seed, range));
    if (at == StatesAt::kSpecial && !range) add_special_values(arrays.back(), seed);
    if (at == StatesAt::kInit && state.init) fill(arrays.back(), *state.init);
  }
  return arrays;
}

}  // namespace sluice
