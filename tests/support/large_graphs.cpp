#include "tests/support/large_graphs.h"

#include <fmt/format.h>

#include <array>

namespace sluice::test {

namespace {

using ir::Attr;
using ir::Builder;
using ir::Graph;
using ir::Op;
using ir::Value;

Type floats(Shape shape) { return {DType::kF32, std::move(shape)}; }

Value sum_of_all(Builder& b, Value x) {
  std::vector<std::int64_t> axes;
  for (int axis = 0; axis < b.type(x).shape.rank(); ++axis) axes.push_back(axis);
  return b.reduce_sum(x, axes);
}

/// Returns y and the derivatives of its sum.
Graph finish_with_gradient(Builder b, Value y, std::vector<Value> variables) {
  const Value loss = sum_of_all(b, y);
  variables.insert(variables.begin(), loss);
  const Value gradient = b.add(Op::kGradient, variables);
  std::vector<Value> results{loss};
  for (std::uint32_t i = 0; i + 1 < variables.size(); ++i) results.push_back({gradient.node, i});
  b.set_results(std::move(results));
  return std::move(b).finish();
}

/// Activations in a row: the gradient reads each of their values from the other end. It does not vanish, as that of
/// sigmoids would.
Graph chain(int nodes) {
  Builder b("chain");
  const Value x = b.parameter("x", floats({batch, 8}));
  Value y = x;
  for (int i = 0; i < nodes; ++i) y = b(i % 2 == 0 ? Op::kTanh : Op::kNeg, {y});
  return finish_with_gradient(std::move(b), y, {x});
}

/// All read one value, and are added up one by one.
Graph fan(int nodes) {
  Builder b("fan");
  const Value x = b.parameter("x", floats({batch, 8}));
  const Value start = b(Op::kTanh, {x});
  Value sum = start;
  for (int i = 0; i < nodes / 3; ++i) {
    const Value factor = b.full(b.type(x), 0.5 + i);
    sum = b(Op::kAdd, {sum, b(Op::kMul, {start, factor})});
  }
  return finish_with_gradient(std::move(b), sum, {x});
}

/// Scalars only; each step reads the last one and the first two.
Graph scalars(int nodes) {
  Builder b("scalars");
  const Value x = b.parameter("x", floats({}));
  const Value rate = b.parameter("rate", floats({}));
  Value y = x;
  for (int i = 0; i < nodes / 3; ++i) y = b(Op::kSub, {y, b(Op::kMul, {rate, b(Op::kTanh, {y})})});
  return finish_with_gradient(std::move(b), y, {x, rate});
}

/// Classic Runge-Kutta steps of x' = tanh(a x + c).
Graph runge_kutta(int nodes) {
  Builder b("runge_kutta");
  const Value x = b.parameter("x", floats({4}));
  const Value a = b.state("a", "a", floats({4}));
  const Value c = b.state("c", "c", floats({4}));
  const auto scaled = [&](Value v, double by) { return b(Op::kMul, {v, b.full(b.type(v), by)}); };
  const auto slope = [&](Value at) { return b(Op::kTanh, {b(Op::kAdd, {b(Op::kMul, {a, at}), c})}); };
  constexpr double kStep = 0.01;
  Value y = x;
  for (int i = 0; i < nodes / 40; ++i) {
    const Value k1 = slope(y);
    const Value k2 = slope(b(Op::kAdd, {y, scaled(k1, kStep / 2)}));
    const Value k3 = slope(b(Op::kAdd, {y, scaled(k2, kStep / 2)}));
    const Value k4 = slope(b(Op::kAdd, {y, scaled(k3, kStep)}));
    const Value inner = scaled(b(Op::kAdd, {k2, k3}), 2);
    y = b(Op::kAdd, {y, scaled(b(Op::kAdd, {b(Op::kAdd, {k1, inner}), k4}), kStep / 6)});
  }
  return finish_with_gradient(std::move(b), y, {x, a, c});
}

/// A network of dense layers with relu, each with its own weights, and a step of gradient descent.
Graph layers(int nodes) {
  Builder b("layers");
  const Value x = b.parameter("x", floats({batch, 8}));
  std::vector<Value> variables;
  const int count = nodes / 8 + 1;
  for (int i = 0; i < count; ++i) {
    const std::string name = fmt::format("w{}", i);
    variables.push_back(b.state(name, name, floats({8, 8})));
    const std::string bias = fmt::format("b{}", i);
    variables.push_back(b.state(bias, bias, floats({8})));
  }
  Value y = x;
  for (std::size_t i = 0; i < variables.size(); i += 2) {
    const Value product = b(Op::kMatmul, {y, variables[i]});
    y = b(Op::kRelu, {b(Op::kAdd, {product, b.broadcast(variables[i + 1], b.type(product).shape)})});
  }
  const Value loss = sum_of_all(b, y);
  std::vector<Value> operands{loss};
  operands.insert(operands.end(), variables.begin(), variables.end());
  const Value gradient = b.add(Op::kGradient, operands);
  for (std::uint32_t i = 0; i < variables.size(); ++i) {
    const Value step = b(Op::kMul, {Value{gradient.node, i}, b.full(b.type(variables[i]), 0.01)});
    b.set_update(variables[i], b(Op::kSub, {variables[i], step}));
  }
  b.set_results({loss});
  return std::move(b).finish();
}

/// An unrolled LSTM, from logits of its last state.
Graph lstm(int nodes) {
  constexpr std::int64_t kUnits = 4;
  Builder b("lstm");
  const int steps = nodes / 22 + 1;
  const Value x = b.parameter("x", floats({batch, steps}));
  const Value w = b.state("w", "w", floats({1 + kUnits, 4 * kUnits}));
  const Value bias = b.state("b", "b", floats({4 * kUnits}));
  Value h = b.full(floats({batch, kUnits}), 0);
  Value c = h;
  for (int t = 0; t < steps; ++t) {
    const Value input = b(Op::kSlice, {x}, {{Attr::kAxis, 1}, {Attr::kStart, t}, {Attr::kLimit, t + 1}});
    const Value both = b(Op::kConcat, {input, h}, {{Attr::kAxis, 1}});
    const Value product = b(Op::kMatmul, {both, w});
    const Value gates = b(Op::kAdd, {product, b.broadcast(bias, b.type(product).shape)});
    const auto gate = [&](Op op, std::int64_t number) {
      return b(op, {b(Op::kSlice, {gates},
                      {{Attr::kAxis, 1}, {Attr::kStart, number * kUnits}, {Attr::kLimit, (number + 1) * kUnits}})});
    };
    const Value kept = b(Op::kMul, {gate(Op::kSigmoid, 0), c});
    c = b(Op::kAdd, {kept, b(Op::kMul, {gate(Op::kSigmoid, 1), gate(Op::kTanh, 2)})});
    h = b(Op::kMul, {gate(Op::kSigmoid, 3), b(Op::kTanh, {c})});
  }
  return finish_with_gradient(std::move(b), h, {w, bias});
}

/// Softmax after softmax: rows that continue with their reductions.
Graph softmaxes(int nodes) {
  Builder b("softmaxes");
  const Value x = b.parameter("x", floats({batch, 8}));
  Value y = x;
  for (int i = 0; i < nodes / 8; ++i) {
    const auto spread = [&](Value row) { return b.broadcast(b.reshape(row, {batch, 1}), b.type(y).shape); };
    const Value top = b(Op::kReduceMax, {y}, {{Attr::kAxes, std::vector<std::int64_t>{1}}});
    const Value powers = b(Op::kExp, {b(Op::kSub, {y, spread(top)})});
    y = b(Op::kDiv, {powers, spread(b.reduce_sum(powers, {1}))});
  }
  b.set_results({y});
  return std::move(b).finish();
}

/// Many sums of one array with different weights, each depending on the previous one.
Graph sums(int nodes) {
  Builder b("sums");
  const Value x = b.parameter("x", floats({batch, 8}));
  Value sum = b.scalar(DType::kF32, 0);
  for (int i = 0; i < nodes / 4; ++i) {
    const Value shifted = b(Op::kAdd, {x, b.broadcast(sum, b.type(x).shape)});
    sum = b(Op::kTanh, {sum_of_all(b, shifted)});
  }
  b.set_results({sum});
  return std::move(b).finish();
}

/// Slices of one array, concatenated again.
Graph concat(int nodes) {
  Builder b("concat");
  const int parts = nodes / 2 + 1;
  const Value x = b.parameter("x", floats({parts, 2}));
  std::vector<Value> all;
  for (int i = 0; i < parts; ++i) {
    const Value part = b(Op::kSlice, {x}, {{Attr::kAxis, 0}, {Attr::kStart, i}, {Attr::kLimit, i + 1}});
    all.push_back(b(Op::kTanh, {part}));
  }
  b.set_results({b.add(Op::kConcat, all, {{Attr::kAxis, 0}})});
  return std::move(b).finish();
}

}  // namespace

std::vector<LargeGraph> large_graphs() {
  return {{"chain", chain},   {"fan", fan},   {"scalars", scalars}, {"runge_kutta", runge_kutta},
          {"layers", layers}, {"lstm", lstm}, {"sums", sums},       {"softmaxes", softmaxes},
          {"concat", concat}};
}

}  // namespace sluice::test
