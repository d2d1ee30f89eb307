// Softmax and layer normalization, as traced, as one node of ONNX.
#include <algorithm>
#include <array>
#include <utility>

#include "runtime/onnx/native.h"

namespace sluice::onnx_model {

using ir::Attr;
using ir::Op;

namespace {

/// Returns the operand of the reduction over the last axis that `value`, of `shape`, repeats along it.
std::optional<ir::Value> reduced_along_rows(const ir::Graph& graph, ir::Value value, const Shape& shape, Op reduction) {
  const ir::Node& repeated = graph.node(value);
  if (repeated.op != Op::kBroadcast || shape.rank() == 0) return {};
  const ir::Node& column = graph.node(repeated.operands[0]);
  Shape kept = shape;
  kept[shape.rank() - 1] = 1;
  if (column.op != Op::kReshape || column.types[0].shape != kept) return {};
  const ir::Node& reduced = graph.node(column.operands[0]);
  const bool fits = reduced.op == reduction && reduced.attributes.integers(Attr::kAxes) == Integers{shape.rank() - 1} &&
                    graph.type(reduced.operands[0]).shape == shape;
  return fits ? std::optional(reduced.operands[0]) : std::nullopt;
}

}  // namespace

/// exp(x - max(x)) / sum(exp(x - max(x))), by rows.
std::optional<Name> write_softmax(const Call& call) {
  const ir::Graph& graph = call.w.graph();
  const ir::Node& exponential = graph.node(call.operand());
  if (exponential.op != Op::kExp || !call.given.empty()) return {};
  const ir::Node& difference = graph.node(exponential.operands[0]);
  if (difference.op != Op::kSub) return {};
  const Shape& shape = call.shape();
  const ir::Value x = difference.operands[0];
  if (reduced_along_rows(graph, call.operand(1), shape, Op::kReduceSum) != call.operand() ||
      reduced_along_rows(graph, difference.operands[1], shape, Op::kReduceMax) != x)
    return {};
  return call.w.add("Softmax", {call.w[x]}, {{"axis", std::int64_t{shape.rank()} - 1}});
}

namespace {

/// (x - mean(x)) / sqrt(variance(x) + epsilon) over the axes from `axis` on.
struct Normal {
  ir::Value x;
  int axis;
  double epsilon;
  Shape normalized;  ///< the axes from `axis` on
};

/// Returns the operands of a commutative node in both orders.
std::array<std::pair<ir::Value, ir::Value>, 2> both_orders(const ir::Node& node) {
  return {{{node.operands[0], node.operands[1]}, {node.operands[1], node.operands[0]}}};
}

/// Returns what `value` is the mean of, over the axes from `axis` on, which are kept with size 1; nothing for others.
std::optional<ir::Value> averaged(const ir::Graph& graph, ir::Value value, int& axis) {
  const ir::Node& scaled = graph.node(value);
  if (scaled.op != Op::kMul && scaled.op != Op::kDiv) return {};
  const ir::Node& kept = graph.node(scaled.operands[0]);
  const std::optional<double> factor = splat_value(graph, scaled.operands[1]);
  if (kept.op != Op::kReshape || !factor) return {};
  const ir::Node& sum = graph.node(kept.operands[0]);
  if (sum.op != Op::kReduceSum) return {};
  const Shape& shape = graph.type(sum.operands[0]).shape;
  const Integers& axes = sum.attributes.integers(Attr::kAxes);
  axis = shape.rank() - static_cast<int>(axes.size());
  Shape means = shape;
  double count = 1;
  for (int i = axis; i < shape.rank(); ++i) {
    if (axes[static_cast<std::size_t>(i - axis)] != i || shape[i].batch) return {};
    count *= static_cast<double>(shape[i].size);
    means[i] = 1;
  }
  const bool is_mean = scaled.op == Op::kMul ? *factor * count == 1 : *factor == count;
  return is_mean && !axes.empty() && kept.types[0].shape == means ? std::optional(sum.operands[0]) : std::nullopt;
}

/// Returns what `value` repeats along the axes that `averaged` keeps.
ir::Value repeated(const ir::Graph& graph, ir::Value value) {
  return graph.node(value).op == Op::kBroadcast ? graph.node(value).operands[0] : value;
}

std::optional<Normal> normal_of(const ir::Graph& graph, ir::Value value) {
  const ir::Node& product = graph.node(value);
  if (product.op != Op::kMul || product.types[0].dtype != DType::kF32) return {};
  for (const auto& [centered, factor] : both_orders(product)) {
    const ir::Node& difference = graph.node(centered);
    const ir::Node& root = graph.node(repeated(graph, factor));
    if (difference.op != Op::kSub || root.op != Op::kRsqrt) continue;
    const ir::Node& variance = graph.node(root.operands[0]);
    const auto epsilon = variance.op == Op::kAdd ? splat_value(graph, variance.operands[1]) : std::nullopt;
    if (!epsilon || !(*epsilon >= 0)) continue;
    int axis = 0;
    int axis_of_mean = 0;
    const auto squared = averaged(graph, variance.operands[0], axis);
    const auto x = averaged(graph, repeated(graph, difference.operands[1]), axis_of_mean);
    const bool fits = squared && x == difference.operands[0] && axis == axis_of_mean &&
                      graph.node(*squared).op == Op::kSquare && graph.node(*squared).operands[0] == centered &&
                      graph.type(*x).shape == product.types[0].shape;
    if (!fits) continue;
    const std::vector<Dim>& dims = graph.type(*x).shape.dims();
    return Normal{*x, axis, *epsilon, Shape(std::vector<Dim>(dims.begin() + axis, dims.end()))};
  }
  return {};
}

/// A normal value, and what it is multiplied by, if that has the shape of the normalized axes.
struct Scaled {
  Normal normal;
  std::optional<ir::Value> scale;
};

/// Returns what `value` repeats, if that has the shape of the normalized axes.
std::optional<ir::Value> along_normalized(const ir::Graph& graph, ir::Value value, const Normal& normal) {
  const ir::Value source = repeated(graph, value);
  return graph.type(source).shape == normal.normalized ? std::optional(source) : std::nullopt;
}

std::optional<Scaled> scaled_of(const ir::Graph& graph, ir::Value value) {
  if (const auto normal = normal_of(graph, value)) return Scaled{*normal, {}};
  const ir::Node& product = graph.node(value);
  if (product.op != Op::kMul) return {};
  for (const auto& [lhs, rhs] : both_orders(product)) {
    const auto normal = normal_of(graph, lhs);
    if (!normal) continue;
    if (const auto scale = along_normalized(graph, rhs, *normal)) return Scaled{*normal, scale};
  }
  return {};
}

Name write_normal(Writer& w, const Scaled& scaled, std::optional<ir::Value> bias) {
  Name scale;
  if (scaled.scale) {
    scale = w[*scaled.scale];
  } else {
    Array ones(DType::kF32, scaled.normal.normalized.at(Bindings()));
    std::ranges::fill(ones.data<float>(), 1.0F);
    scale = w.constant(ones);
  }
  std::vector<Name> inputs{w[scaled.normal.x], scale};
  if (bias) inputs.push_back(w[*bias]);
  return w.add("LayerNormalization", inputs,
               {{"axis", std::int64_t{scaled.normal.axis}}, {"epsilon", static_cast<float>(scaled.normal.epsilon)}});
}

}  // namespace

std::optional<Name> write_layer_norm(const Call& call) {
  if (!call.given.empty() || call.dtype() != DType::kF32) return {};
  const ir::Graph& graph = call.w.graph();
  if (call.node.op == Op::kMul) {
    const auto scaled = scaled_of(graph, call.result);
    return scaled ? std::optional(write_normal(call.w, *scaled, {})) : std::nullopt;
  }
  for (const auto& [lhs, rhs] : both_orders(call.node)) {
    const auto scaled = scaled_of(graph, lhs);
    if (!scaled) continue;
    if (const auto bias = along_normalized(graph, rhs, scaled->normal)) return write_normal(call.w, *scaled, bias);
  }
  return {};
}

}  // namespace sluice::onnx_model
