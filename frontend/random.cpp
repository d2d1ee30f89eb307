#include "frontend/random.h"

#include <fmt/format.h>

#include <array>
#include <atomic>
#include <cmath>
#include <mutex>
#include <numbers>
#include <utility>

#include "frontend/elementwise.h"
#include "frontend/shape_ops.h"
#include "frontend/trace.h"
#include "frontend/variable.h"
#include "ir/philox.h"

namespace sluice {

namespace {

/// The state of all random numbers of the process.
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

/// A stream of its own, given back if the trace that asks for it fails.
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
  const Tensor unit = draw(ir::Op::kRandomUniform, shape, dtype);
  const Tensor scaled = high - low == 1 ? unit : unit * (high - low);
  return low == 0 ? scaled : scaled + low;
}

Tensor random_normal(const Shape& shape, double mean, double standard_deviation, DType dtype,
                     std::source_location where) {
  const Scope scope(where);
  const Tensor standard = draw(ir::Op::kRandomNormal, shape, dtype);
  const Tensor scaled = standard_deviation == 1 ? standard : standard * standard_deviation;
  return mean == 0 ? scaled : scaled + mean;
}

namespace {

constexpr std::size_t kWords = 4;  // of a block of random bits

/// f32 of `sizes`, made four at a time of random words: `make(words)` gives kWords floats.
template <typename F>
Array from_stream(std::vector<std::int64_t> sizes, F make) {
  const auto seed = static_cast<std::uint64_t>(state().seed.load());
  const std::array key{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)};
  // The top bit keeps these blocks apart from those of random ops, whose counters begin at 0.
  const std::uint64_t stream = take_stream() | (std::uint64_t{1} << 63);
  Array result(DType::kF32, std::move(sizes));
  const std::span<float> values = result.data<float>();
  std::array<float, kWords> block{};
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i % kWords == 0) {
      const std::size_t number = i / kWords;
      block = make(philox4x32_10({static_cast<std::uint32_t>(number), static_cast<std::uint32_t>(number >> 32),
                                  static_cast<std::uint32_t>(stream), static_cast<std::uint32_t>(stream >> 32)},
                                 key));
    }
    values[i] = block[i % kWords];
  }
  return result;
}

/// In [0, 1).
float unit(std::uint32_t word) { return static_cast<float>(word >> 8) * 0x1p-24F; }

/// `f` of each word.
template <typename F>
auto each(F f) {
  return [f](const std::array<std::uint32_t, kWords>& words) {
    return std::array{f(words[0]), f(words[1]), f(words[2]), f(words[3])};
  };
}

}  // namespace

Array initial_uniform(std::vector<std::int64_t> sizes, double low, double high) {
  return from_stream(std::move(sizes),
                     each([&](std::uint32_t word) { return static_cast<float>(low + unit(word) * (high - low)); }));
}

// Box and Muller, "A note on the generation of random normal deviates" (1958).
Array initial_normal(std::vector<std::int64_t> sizes, double mean, double standard_deviation) {
  return from_stream(std::move(sizes), [&](const std::array<std::uint32_t, kWords>& words) {
    std::array<float, kWords> block{};
    for (std::size_t i = 0; i < kWords; i += 2) {
      const double radius = standard_deviation * std::sqrt(-2 * std::log(1.0 - unit(words[i])));
      const double angle = 2 * std::numbers::pi * unit(words[i + 1]);
      block[i] = static_cast<float>(mean + radius * std::cos(angle));
      block[i + 1] = static_cast<float>(mean + radius * std::sin(angle));
    }
    return block;
  });
}

Array glorot_uniform(std::int64_t in, std::int64_t out) {
  const auto limit = static_cast<float>(std::sqrt(6.0 / static_cast<double>(in + out)));
  return from_stream({in, out}, each([&](std::uint32_t word) { return (2 * unit(word) - 1) * limit; }));
}

Array he_normal(std::int64_t in, std::int64_t out) {
  return initial_normal({in, out}, 0, std::sqrt(2.0 / static_cast<double>(in)));
}

}  // namespace sluice
