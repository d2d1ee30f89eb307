#include "frontend/random.h"

#include <fmt/format.h>

#include <array>
#include <atomic>
#include <cmath>
#include <mutex>

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

Array glorot_uniform(std::int64_t in, std::int64_t out) {
  const auto seed = static_cast<std::uint64_t>(state().seed.load());
  const std::array key{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32)};
  // The top bit keeps these blocks apart from those of random ops, whose counters begin at 0.
  const std::uint64_t stream = take_stream() | (std::uint64_t{1} << 63);
  const auto limit = static_cast<float>(std::sqrt(6.0 / static_cast<double>(in + out)));
  Array weights(DType::kF32, {in, out});
  const std::span<float> values = weights.data<float>();
  std::array<std::uint32_t, 4> block{};
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i % 4 == 0) {
      block = philox4x32_10({static_cast<std::uint32_t>(i / 4), static_cast<std::uint32_t>(i / 4 >> 32),
                             static_cast<std::uint32_t>(stream), static_cast<std::uint32_t>(stream >> 32)},
                            key);
    }
    const float unit = static_cast<float>(block[i % 4] >> 8) * 0x1p-24F;
    values[i] = (2 * unit - 1) * limit;
  }
  return weights;
}

}  // namespace sluice
