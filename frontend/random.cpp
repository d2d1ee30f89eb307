#include "sluice/random.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cmath>
#include <mutex>
#include <numbers>
#include <numeric>
#include <span>
#include <utility>

#include "sluice/detail/trace.h"
#include "sluice/elementwise.h"
#include "sluice/random_stream.h"
#include "sluice/shape_ops.h"
#include "sluice/variable.h"

namespace sluice {

namespace {

/// The state of all the process's random numbers.
struct RandomState {
  std::atomic<std::int64_t> seed = 0;
  std::atomic<std::uint64_t> next_stream = 0;  ///< of initial weights
  Variable key{"random/key", Array::scalar(std::int64_t{0}), {.trainable = false}};
  Variable counter{"random/counter", Array::scalar(std::int64_t{0}), {.trainable = false}};
};

RandomState& state() {
  static auto* const instance = new RandomState;  // never destroyed: functions may outlive every static
  return *instance;
}

/// Takes a new stream, returned if the trace that requested it fails.
std::uint64_t take_stream() {
  const std::uint64_t stream = state().next_stream++;
  if (Trace::current() != nullptr) Trace::current()->on_failure([stream] { state().next_stream = stream; });
  return stream;
}

Tensor draw(ir::Op op, const Shape& shape, DType dtype) {
  Trace& trace = Trace::required(to_string(op));
  const Tensor key = state().key;
  const Tensor counter = state().counter;
  state().counter.assign_add(1);
  return trace.add(op, {key, counter}, {{ir::Attr::kDType, dtype}, {ir::Attr::kShape, shape}});
}

/// Returns the largest number of type T in [low, high), with both limits rounded to T. Throws Error, naming `op`,
/// unless low < high in T and their difference is finite.
template <typename T>
T largest_below(std::string_view op, double low, double high) {
  const T first = static_cast<T>(low);
  const T limit = static_cast<T>(high);
  if (low < high && first < limit && std::isfinite(limit - first)) return std::nextafter(limit, first);
  fail_at_user(fmt::format("{}: expected low below high, and a difference that {} holds, got {} and {}", op,
                           to_string(dtype_of<T>), low, high));
}

void check_normal(std::string_view op, double mean, double standard_deviation) {
  if (std::isfinite(mean) && standard_deviation >= 0 && std::isfinite(standard_deviation)) return;
  fail_at_user(fmt::format("{}: expected a finite mean and a finite standard deviation of at least 0, got {} and {}",
                           op, mean, standard_deviation));
}

}  // namespace

void set_seed(std::int64_t seed) {
  if (Trace::current() != nullptr) fail_at_user("set_seed: called while a function is traced; set the seed outside");
  state().seed = seed;
  state().next_stream = 0;
  state().key.assign(Array::scalar(seed));
  state().counter.assign(Array::scalar(std::int64_t{0}));
}

std::vector<Variable> random_variables() { return {state().key, state().counter}; }

Tensor random_uniform(const Shape& shape, double low, double high, DType dtype, std::source_location where) {
  const Scope scope(where);
  constexpr std::string_view kName = "random_uniform";
  double largest = 0;
  if (dtype == DType::kF32) largest = largest_below<float>(kName, low, high);
  if (dtype == DType::kF64) largest = largest_below<double>(kName, low, high);
  const Tensor unit = draw(ir::Op::kRandomUniform, shape, dtype);
  const Tensor scaled = high - low == 1 ? unit : unit * (high - low);
  // The sum may round up to `high`; the product alone, with a factor below 1, cannot.
  return low == 0 ? scaled : minimum(scaled + low, largest);
}

Tensor random_normal(const Shape& shape, double mean, double standard_deviation, DType dtype,
                     std::source_location where) {
  const Scope scope(where);
  check_normal("random_normal", mean, standard_deviation);
  const Tensor standard = draw(ir::Op::kRandomNormal, shape, dtype);
  const Tensor scaled = standard_deviation == 1 ? standard : standard * standard_deviation;
  return mean == 0 ? scaled : scaled + mean;
}

namespace {

/// Returns a new stream since set_seed. The top bit separates it from the streams of random ops, whose counters start
/// at 0.
RandomStream next_stream() {
  return RandomStream(static_cast<std::uint64_t>(state().seed.load()), take_stream() | (std::uint64_t{1} << 63));
}

/// Returns f32 of shape `sizes`: `f` applied to consecutive numbers in [0, 1).
template <typename F>
Array from_uniform(std::vector<std::int64_t> sizes, F f) {
  RandomStream random = next_stream();
  Array result(DType::kF32, std::move(sizes));
  for (float& value : result.data<float>()) value = f(random.uniform(0, 1));
  return result;
}

}  // namespace

Array initial_uniform(std::vector<std::int64_t> sizes, double low, double high, std::source_location where) {
  const Scope scope(where);
  const float largest = largest_below<float>("initial_uniform", low, high);
  return from_uniform(std::move(sizes),
                      [&](float unit) { return std::min(static_cast<float>(low + unit * (high - low)), largest); });
}

// Box and Muller, "A note on the generation of random normal deviates" (1958).
Array initial_normal(std::vector<std::int64_t> sizes, double mean, double standard_deviation,
                     std::source_location where) {
  const Scope scope(where);
  check_normal("initial_normal", mean, standard_deviation);
  RandomStream random = next_stream();
  Array result(DType::kF32, std::move(sizes));
  const std::span<float> values = result.data<float>();
  for (std::size_t i = 0; i < values.size(); i += 2) {
    const double radius = standard_deviation * std::sqrt(-2 * std::log(1.0 - random.uniform(0, 1)));
    const double angle = 2 * std::numbers::pi * random.uniform(0, 1);
    values[i] = static_cast<float>(mean + radius * std::cos(angle));
    if (i + 1 < values.size()) values[i + 1] = static_cast<float>(mean + radius * std::sin(angle));
  }
  return result;
}

Array glorot_uniform(std::int64_t in, std::int64_t out) {
  const auto limit = static_cast<float>(std::sqrt(6.0 / static_cast<double>(in + out)));
  return from_uniform({in, out}, [&](float unit) { return (2 * unit - 1) * limit; });
}

Array he_normal(std::int64_t in, std::int64_t out) {
  return initial_normal({in, out}, 0, std::sqrt(2.0 / static_cast<double>(in)));
}

// Gram and Schmidt's process, twice for each vector, which leaves errors of a rounding: Giraud et al. (2005).
Array orthogonal(std::int64_t in, std::int64_t out) {
  const std::int64_t count = std::min(in, out);
  const std::int64_t length = std::max(in, out);
  const Array drawn = initial_normal({count, length}, 0, 1);
  const auto numbers = drawn.data<float>();
  std::vector<std::vector<double>> vectors;
  for (std::int64_t i = 0; i < count; ++i) {
    const auto from = numbers.begin() + i * length;
    std::vector<double> vector(from, from + length);
    for (int pass = 0; pass < 2; ++pass) {
      for (const std::vector<double>& other : vectors) {
        const double along = std::inner_product(vector.begin(), vector.end(), other.begin(), 0.0);
        for (std::size_t j = 0; j < vector.size(); ++j) vector[j] -= along * other[j];
      }
    }
    const double norm = std::sqrt(std::inner_product(vector.begin(), vector.end(), vector.begin(), 0.0));
    for (double& element : vector) element /= norm;
    vectors.push_back(std::move(vector));
  }
  Array result(DType::kF32, {in, out});
  for (std::int64_t row = 0; row < in; ++row) {
    for (std::int64_t column = 0; column < out; ++column) {
      const auto vector = static_cast<std::size_t>(in <= out ? row : column);
      const auto element = static_cast<std::size_t>(in <= out ? column : row);
      result.at<float>(row, column) = static_cast<float>(vectors[vector][element]);
    }
  }
  return result;
}

}  // namespace sluice
