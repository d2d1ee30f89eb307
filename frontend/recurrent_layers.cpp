#include "sluice/recurrent_layers.h"

#include <fmt/format.h>

#include <utility>
#include <vector>

#include "sluice/array_ops.h"
#include "sluice/contraction.h"
#include "sluice/detail/trace.h"
#include "sluice/elementwise.h"
#include "sluice/shape_ops.h"

namespace sluice {

namespace detail {

/// The state between steps: the output and, for an LSTM, the cell.
struct RecurrentState {
  Tensor h;
  Tensor c;
};

/// A layer whose steps are being traced.
struct Recurrence {
  std::int64_t units;
  Tensor kernel;  ///< of the state
  Tensor bias;    ///< of the state; empty: none

  Tensor of_state(const Tensor& h) const {
    const Tensor product = matmul(h, kernel);
    return bias.empty() ? product : product + bias;
  }
  Tensor gate(const Tensor& gates, int i) const { return slice(gates, {0, i * units}, {-1, units}); }
};

/// What tells the layers apart.
struct RecurrentKind {
  std::string_view name;
  int gates;
  bool has_cell;
  bool biases_state;  ///< the bias has a second row, for the state
  RecurrentState (*next)(const Recurrence& r, const Tensor& inputs, const RecurrentState& state);
};

}  // namespace detail

namespace {

using detail::Recurrence;
using detail::RecurrentState;

/// Gates i, f, c, o, as Keras's.
RecurrentState next_of_lstm(const Recurrence& r, const Tensor& inputs, const RecurrentState& state) {
  const Tensor gates = inputs + r.of_state(state.h);
  const Tensor c = sigmoid(r.gate(gates, 1)) * state.c + sigmoid(r.gate(gates, 0)) * tanh(r.gate(gates, 2));
  return {sigmoid(r.gate(gates, 3)) * tanh(c), c};
}

/// Gates z, r, h, as Keras's with reset_after.
RecurrentState next_of_gru(const Recurrence& r, const Tensor& inputs, const RecurrentState& state) {
  const Tensor of_state = r.of_state(state.h);
  const Tensor z = sigmoid(r.gate(inputs, 0) + r.gate(of_state, 0));
  const Tensor reset = sigmoid(r.gate(inputs, 1) + r.gate(of_state, 1));
  const Tensor h = tanh(r.gate(inputs, 2) + reset * r.gate(of_state, 2));
  return {z * state.h + (1 - z) * h, {}};
}

RecurrentState next_of_simple(const Recurrence& r, const Tensor& inputs, const RecurrentState& state) {
  return {tanh(inputs + r.of_state(state.h)), {}};
}

constexpr detail::RecurrentKind kLstm{"lstm", 4, true, false, next_of_lstm};
constexpr detail::RecurrentKind kGru{"gru", 3, false, true, next_of_gru};
constexpr detail::RecurrentKind kSimple{"simple_rnn", 1, false, false, next_of_simple};

void check_state(std::string_view name, std::string_view what, const Tensor& given, const Shape& shape) {
  const Type expected{DType::kF32, shape};
  if (!given.empty() && given.type() != expected) {
    fail_at_user(fmt::format("{}: expected {} {}, got {}", name, what, to_string(expected), to_string(given.type())),
                 {&given, 1});
  }
}

}  // namespace

RecurrentLayer::RecurrentLayer(const detail::RecurrentKind& kind, std::int64_t units, RecurrentOptions options,
                               std::source_location where)
    : Module(kind.name), kind_(&kind), units_(units), options_(std::move(options)) {
  const Scope scope(where);
  if (units < 1) fail_at_user(fmt::format("{}: expected at least 1 unit, got {}", kind.name, units));
  if (!options_.kernel || !options_.recurrent_kernel)
    fail_at_user(fmt::format("{}: an initializer of the weights is empty", kind.name));
}

LSTM::LSTM(std::int64_t units, RecurrentOptions options, std::source_location where)
    : RecurrentLayer(kLstm, units, std::move(options), where) {}
GRU::GRU(std::int64_t units, RecurrentOptions options, std::source_location where)
    : RecurrentLayer(kGru, units, std::move(options), where) {}
SimpleRNN::SimpleRNN(std::int64_t units, RecurrentOptions options, std::source_location where)
    : RecurrentLayer(kSimple, units, std::move(options), where) {}

Tensor RecurrentLayer::operator()(const Arg& x, const RecurrentCall& call) const {
  const Scope scope(x.where());
  const bool fits = x.dtype() == DType::kF32 && x.rank() == 3;
  if (!fits || x.shape()[1].batch || x.shape()[2].batch) {
    fail_at_user(fmt::format("{}: expected f32[batch,steps,features] with numbers for steps and features, since steps "
                             "are unrolled, got {}",
                             kind_->name, to_string(x.type())),
                 {&x.tensor(), 1});
  }
  const Dim rows = x.shape()[0];
  const std::int64_t steps = x.shape()[1].size;
  const std::int64_t features = x.shape()[2].size;
  const std::int64_t width = kind_->gates * units_;
  const Shape state_shape{rows, units_};
  check_state(kind_->name, "a state", call.h, state_shape);
  check_state(kind_->name, "a cell", call.c, state_shape);
  if (!call.c.empty() && !kind_->has_cell) fail_at_user(fmt::format("{}: only an LSTM has a cell", kind_->name));
  const Type mask_type{DType::kBool, {rows, steps}};
  if (!call.mask.empty() && call.mask.type() != mask_type) {
    fail_at_user(
        fmt::format("{}: expected a mask {}, got {}", kind_->name, to_string(mask_type), to_string(call.mask.type())),
        {&call.mask, 1});
  }

  const auto weights = [&](std::string_view name, const Initializer& initial, std::int64_t in) {
    const Variable variable = lazy_variable(name, [&] { return initial(in, width); });
    const Type expected{DType::kF32, {Dim(in), Dim(width)}};
    if (variable.type() != expected) {
      fail_at_user(fmt::format("{}: \"{}\" is {}, but the input {} needs {}", kind_->name, variable.name(),
                               to_string(variable.type()), to_string(x.type()), to_string(expected)));
    }
    return variable;
  };
  const Variable kernel = weights("kernel", options_.kernel, features);
  Recurrence recurrence{units_, weights("recurrent_kernel", options_.recurrent_kernel, units_), {}};
  Tensor inputs = matmul(reshape(x, {rows * steps, features}), kernel);
  if (options_.use_bias) {
    const Tensor bias = lazy_variable("bias", [&] {
      if (kind_->biases_state) return Array(DType::kF32, {2, width});
      Array initial(DType::kF32, {width});
      // A forget gate that is open at first: Jozefowicz et al. (2015).
      if (kind_->has_cell) {
        for (std::int64_t i = units_; i < 2 * units_; ++i) initial.at<float>(i) = 1;
      }
      return initial;
    });
    const auto row = [&](std::int64_t i) { return reshape(slice(bias, {i, 0}, {1, -1}), {width}); };
    inputs = inputs + (kind_->biases_state ? row(0) : bias);
    if (kind_->biases_state) recurrence.bias = row(1);
  }
  inputs = reshape(inputs, {rows, steps, width});

  const Tensor zeros = full(state_shape, 0.0F);
  RecurrentState state{call.h.empty() ? zeros : call.h, call.c.empty() ? zeros : call.c};
  std::vector<Tensor> outputs;
  for (std::int64_t i = 0; i < steps; ++i) {
    const std::int64_t step = options_.go_backwards ? steps - 1 - i : i;
    const Tensor of_step = reshape(slice(inputs, {0, step, 0}, {-1, 1, -1}), {rows, width});
    RecurrentState after = kind_->next(recurrence, of_step, state);
    if (!call.mask.empty()) {
      const Tensor keeps = broadcast_to(slice(call.mask, {0, step}, {-1, 1}), state_shape);
      after.h = select(keeps, after.h, state.h);
      if (kind_->has_cell) after.c = select(keeps, after.c, state.c);
    }
    state = after;
    if (options_.return_sequences) outputs.push_back(state.h);
  }
  if (!options_.return_sequences) return state.h;
  if (outputs.empty()) return full({rows, 0, units_}, 0.0F);
  return stack(outputs, 1);
}

}  // namespace sluice
