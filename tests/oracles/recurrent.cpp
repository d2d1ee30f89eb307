// Keras's and PyTorch's recurrent layers, unrolled.
#include <fmt/format.h>

#include <optional>

#include "tests/oracles/recurrent_cells.h"
#include "tests/oracles/registry.h"

namespace sluice::oracles {

namespace {

/// The state of a layer: its output and, for an LSTM, its cell state.
struct State {
  Tensor h;
  std::optional<Tensor> c;
};
using Cell = std::function<State(const Tensor& x, const State& state)>;

struct Layer {
  std::string kind;
  std::int64_t units = 0;
  bool return_sequences = false;
  bool go_backwards = false;
};

Layer layer_of(const Attributes& attributes) {
  Layer layer{.kind = attributes.text("layer"),
              .units = static_cast<std::int64_t>(attributes.number("units")),
              .return_sequences = attributes.flag("return_sequences"),
              .go_backwards = attributes.flag("go_backwards")};
  attributes.flag("reset_after");  // given by the bias
  return layer;
}

State lstm(const Tensor& gates, const State& state, std::int64_t units) {
  const LstmState next = lstm_step(gates, {state.h, *state.c}, units);
  return {next.h, next.c};
}

/// Keras's gates: i f c o for an LSTM; z r h for a GRU, whose reset comes after the product if there are two biases.
Cell keras_cell(const Layer& layer, const Tensors& in) {
  const Tensor kernel = in["kernel"];
  const Tensor recurrent = in["recurrent_kernel"];
  const std::int64_t units = layer.units;
  const Tensor zero = full({recurrent.shape()[1]}, 0.0);
  const Tensor bias = in.find("bias") != nullptr ? in["bias"] : zero;
  if (layer.kind == "LSTM") {
    return [=](const Tensor& x, const State& s) {
      return lstm(matmul(x, kernel) + matmul(s.h, recurrent) + bias, s, units);
    };
  }
  if (layer.kind == "SimpleRNN") {
    return [=](const Tensor& x, const State& s) {
      return State{tanh(matmul(x, kernel) + bias + matmul(s.h, recurrent)), {}};
    };
  }
  if (layer.kind != "GRU") throw CannotSay(fmt::format("layer {}", layer.kind));
  const bool reset_after = bias.rank() == 2;
  const auto row = [&](std::int64_t i) { return reshape(slice(bias, {i, 0}, {1, -1}), {3 * units}); };
  const Tensor input_bias = reset_after ? row(0) : bias;
  const Tensor recurrent_bias = reset_after ? row(1) : zero;
  return [=](const Tensor& x, const State& s) {
    const Tensor a = matmul(x, kernel) + input_bias;
    const Tensor b = matmul(s.h, recurrent) + recurrent_bias;
    const Tensor z = sigmoid(gate(a, 0, units) + gate(b, 0, units));
    const Tensor r = sigmoid(gate(a, 1, units) + gate(b, 1, units));
    const Tensor inner =
        reset_after ? r * gate(b, 2, units) : matmul(r * s.h, slice(recurrent, {0, 2 * units}, {-1, units}));
    const Tensor h = tanh(gate(a, 2, units) + inner);
    return State{z * s.h + (1 - z) * h, {}};
  };
}

/// PyTorch's gates: i f g o for an LSTM, r z n for a GRU.
Cell torch_cell(const Layer& layer, const Tensors& in) {
  const Tensor kernel = in["weight_ih_l0"];
  const Tensor recurrent = in["weight_hh_l0"];
  const std::int64_t units = layer.units;
  const Tensor zero = full({recurrent.shape()[1]}, 0.0);
  const Tensor bias_x = in.find("bias_ih_l0") != nullptr ? in["bias_ih_l0"] : zero;
  const Tensor bias_h = in.find("bias_hh_l0") != nullptr ? in["bias_hh_l0"] : zero;
  const auto of_x = [=](const Tensor& x) { return matmul(x, kernel) + bias_x; };
  const auto of_h = [=](const Tensor& h) { return matmul(h, recurrent) + bias_h; };
  if (layer.kind == "LSTM") return [=](const Tensor& x, const State& s) { return lstm(of_x(x) + of_h(s.h), s, units); };
  if (layer.kind == "RNN") return [=](const Tensor& x, const State& s) { return State{tanh(of_x(x) + of_h(s.h)), {}}; };
  if (layer.kind != "GRU") throw CannotSay(fmt::format("layer {}", layer.kind));
  return [=](const Tensor& x, const State& s) {
    const Tensor a = of_x(x);
    const Tensor b = of_h(s.h);
    const Tensor r = sigmoid(gate(a, 0, units) + gate(b, 0, units));
    const Tensor z = sigmoid(gate(a, 1, units) + gate(b, 1, units));
    const Tensor n = tanh(gate(a, 2, units) + r * gate(b, 2, units));
    return State{(1 - z) * n + z * s.h, {}};
  };
}

/// Returns the outputs of all steps in order, [rows, 1, units] each. A masked step keeps the state.
std::vector<Tensor> unrolled(const Layer& layer, const Cell& cell, const Tensors& in, const Tensor* mask) {
  const Tensor& x = in["x"];
  const Dim rows = x.shape()[0];
  const std::int64_t steps = x.shape()[1].size;
  const auto initial = [&](std::string_view name) {
    const Tensor* given = in.find(name);
    return given != nullptr ? reshape(*given, {rows, layer.units}) : full({rows, layer.units}, 0.0);
  };
  State state{initial("h0"), initial("c0")};
  std::vector<Tensor> outputs;
  for (std::int64_t i = 0; i < steps; ++i) {
    const std::int64_t step = layer.go_backwards ? steps - 1 - i : i;
    State next = cell(at_step(x, step), state);
    if (mask != nullptr) {
      const Tensor keep = slice(*mask, {0, step}, {-1, 1});
      next.h = select(keep, next.h, state.h);
      if (next.c) next.c = select(keep, *next.c, *state.c);
    }
    state = next;
    outputs.push_back(reshape(state.h, {rows, 1, layer.units}));
  }
  return outputs;
}

Results results_of(const Layer& layer, const std::vector<Tensor>& outputs, bool sequences) {
  if (sequences) return {{"out.0", concat(outputs, 1)}};
  return {{"out.0", reshape(outputs.back(), {outputs.back().shape()[0], layer.units})}};
}

Program keras_layer(const Oracle& oracle) {
  return function_of(oracle, [&](const Tensors& in) {
    const Layer layer = layer_of(oracle.attributes);
    const std::vector<Tensor> outputs = unrolled(layer, keras_cell(layer, in), in, in.find("mask"));
    return results_of(layer, outputs, layer.return_sequences);
  });
}

Program torch_layer(const Oracle& oracle) {
  return function_of(oracle, [&](const Tensors& in) {
    const Layer layer = layer_of(oracle.attributes);
    const std::string gates = oracle.attributes.text("gates");
    const std::map<std::string, std::string> known{{"LSTM", "i f g o"}, {"GRU", "r z n"}, {"RNN", "tanh"}};
    if (!known.contains(layer.kind) || known.at(layer.kind) != gates)
      throw CannotSay(fmt::format("{} with gates {}", layer.kind, gates));
    return results_of(layer, unrolled(layer, torch_cell(layer, in), in, nullptr), true);
  });
}

}  // namespace

void add_recurrent(Builders& builders) {
  builders["recurrent"] = keras_layer;
  builders["recurrent_masked"] = keras_layer;
  builders["recurrent_torch"] = torch_layer;
}

}  // namespace sluice::oracles
