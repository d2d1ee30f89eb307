#include "tests/support/op_cases.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "tests/support/op_case_lists.h"
#include "tests/support/random_arrays.h"

namespace sluice::test {

namespace {

template <typename T>
std::vector<T> special_values(Fill fill) {
  using Limits = std::numeric_limits<T>;
  if constexpr (std::is_same_v<T, bool>) {
    return {false, true};
  } else if constexpr (std::is_floating_point_v<T>) {
    if (fill == Fill::kTies) return {-1, 0, 1};
    if (fill == Fill::kNonFinite)
      return {1, 2, -3, Limits::infinity(), 4, 0, -5, Limits::quiet_NaN(), 1, -Limits::infinity(), 6};
    // No product, quotient or power of two of them is a denormal number, which compiled code treats as zero.
    return {T{0},
            T{-0.0},
            T{1},
            T{-1},
            T{0.5},
            T{-2.5},
            T{1e9},
            T{-7.5},
            T{3e9},
            T{255.5},
            static_cast<T>(-1e30),
            Limits::infinity(),
            -Limits::infinity(),
            Limits::quiet_NaN()};
  } else {
    if (fill != Fill::kSpecial) return {std::is_signed_v<T> ? static_cast<T>(-1) : T{2}, 0, 1};
    constexpr T kMinusOne = static_cast<T>(-1);
    constexpr T kMinusSeven = static_cast<T>(-7);
    return {0,
            1,
            kMinusOne,
            2,
            kMinusSeven,
            100,
            Limits::min(),
            Limits::max(),
            Limits::min() + 1,
            Limits::max() - 1,
            127,
            static_cast<T>(256)};
  }
}

/// Element i has digit i of a counter whose digits are the special values of the parameters: `period` is the product of
/// the digits before this one. Returns the period of the next.
std::size_t fill_special(Array& array, Fill fill, std::size_t period) {
  return visit_dtype(array.dtype(), [&]<typename T>(T) {
    const std::vector<T> values = special_values<T>(fill);
    const auto to = array.data<T>();
    for (std::size_t i = 0; i < to.size(); ++i) to[i] = values[i / period % values.size()];
    return period * values.size();
  });
}

/// Acceptable relative errors: a few roundings of an approximation.
template <typename T>
constexpr double kTolerance = std::is_same_v<T, float> ? 4e-6 : 1e-13;

template <typename T>
bool agree(T x, T y, Agreement agreement, double largest) {
  if constexpr (std::is_floating_point_v<T>) {
    if (std::isnan(x) || std::isnan(y)) return std::isnan(x) && std::isnan(y);
    if (agreement == Agreement::kBits) return x == y && std::signbit(x) == std::signbit(y);
    if (x == y) return true;
    if (agreement == Agreement::kValue || std::isinf(x) || std::isinf(y)) return false;
    const double error = std::abs(static_cast<double>(x) - static_cast<double>(y));
    const double scale = agreement == Agreement::kSummed ? std::max(1.0, largest) : std::abs(static_cast<double>(y));
    return error <= kTolerance<T> * scale + kTolerance<T> / 16;
  } else {
    return x == y;
  }
}

template <typename T>
double largest_finite(std::span<const T> values) {
  double largest = 0;
  for (const T value : values) {
    const double size = std::abs(static_cast<double>(value));
    if (std::isfinite(size)) largest = std::max(largest, size);
  }
  return largest;
}

}  // namespace

ir::Graph OpCase::graph() const {
  ir::Builder b("case");
  std::vector<ir::Value> results = build(b);
  b.set_results(std::move(results));
  return std::move(b).finish();
}

std::vector<Array> OpCase::inputs(const ir::Graph& graph, std::int64_t batch_size, std::uint64_t seed) const {
  std::vector<Array> arrays = random_parameters(graph, batch_size, seed);
  if (fill == Fill::kRandom) return arrays;
  std::size_t period = 1;
  for (Array& array : arrays) period = fill_special(array, fill, period);
  return arrays;
}

const std::vector<OpCase>& op_cases() {
  static const std::vector<OpCase> kCases = [] {
    Cases cases;
    add_elementwise_cases(cases);
    add_choice_cases(cases);
    add_shape_cases(cases);
    add_window_cases(cases);
    add_index_cases(cases);
    add_reduction_cases(cases);
    add_attention_cases(cases);
    add_product_cases(cases);
    add_source_cases(cases);
    add_empty_cases(cases);
    return cases;
  }();
  return kCases;
}

std::string difference(const Array& computed, const Array& expected, Agreement agreement) {
  if (computed.type() != expected.type()) {
    return fmt::format("has type {}, expected {}", to_string(computed.type()), to_string(expected.type()));
  }
  return visit_dtype(computed.dtype(), [&](auto zero) -> std::string {
    using T = decltype(zero);
    const auto x = computed.data<T>();
    const std::span<const T> y = expected.data<T>();
    const double largest = largest_finite(y);
    std::size_t wrong = 0;
    std::size_t first = 0;
    for (std::size_t i = x.size(); i > 0; --i) {
      if (agree(x[i - 1], y[i - 1], agreement, largest)) continue;
      ++wrong;
      first = i - 1;
    }
    if (wrong == 0) return "";
    return fmt::format("{} of {} elements differ; element {} is {}, expected {}", wrong, x.size(), first, x[first],
                       y[first]);
  });
}

}  // namespace sluice::test
